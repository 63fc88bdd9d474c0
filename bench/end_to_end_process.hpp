// SPDX-License-Identifier: MIT
// The guest of bench_end_to_end as its host has it: a child process, and the pipes to it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "base/handle.hpp"
#include "end_to_end_guest.h"

namespace bench {

[[noreturn]] void fail(const std::string& what);

class GuestProcess {
 public:
  GuestProcess();
  GuestProcess(const GuestProcess&) = delete;
  GuestProcess& operator=(const GuestProcess&) = delete;
  ~GuestProcess();

  [[nodiscard]] std::string name() const { return "local:" + std::to_string(pid_); }
  void begin(const command& what) const;
  // How many it handed out. Not sooner than it says so; never, if it does not within half a minute.
  [[nodiscard]] std::uint64_t answer() const;
  void credit(std::size_t bytes) const;  // any thread
  [[nodiscard]] int data() const { return data_.get(); }
  [[nodiscard]] std::chrono::nanoseconds cpu_time() const;

 private:
  pid_t pid_ = 0;
  vmitap::Fd commands_, answers_, credits_, data_;
};

// Of this process.
std::chrono::nanoseconds own_cpu_time();

// A folder for files of a run; goes with them.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace bench
