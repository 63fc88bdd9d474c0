// SPDX-License-Identifier: MIT
// Lists of the system calls that a process may still make (seccomp(2)). What is on none of them fails with
// EPERM and stands in the kernel's log; what only an intruder would make kills the process (SIGSYS). For
// good, and for whatever the process forks.
#pragma once

#include <linux/filter.h>

#include <span>
#include <vector>

#include "base/result.hpp"

namespace vmitap {

class SyscallFilter {
 public:
  using Ioctls = std::span<const unsigned long>;

  // What a capture needs once its guests are attached and its output is open, beside these ioctls: it opens
  // files for reading only, and makes no sockets. Errc::unsupported where the kernel has no such filters.
  static Result<SyscallFilter> for_capture(Ioctls ioctls);
  // What somebody needs who waits for a pipe's end, then makes these ioctls and unlinks a file.
  static Result<SyscallFilter> for_guardian(Ioctls ioctls);

  // Sets no_new_privs as well. 0, or an errno. Async-signal-safe.
  enum class Threads : bool { mine, all };
  int load(Threads threads) const noexcept;

 private:
  explicit SyscallFilter(std::vector<sock_filter> program) : program_(std::move(program)) {}
  friend class SyscallFilterMaker;
  std::vector<sock_filter> program_;
};

}  // namespace vmitap
