// SPDX-License-Identifier: MIT
// What /proc tells of a process (proc(5)). A process may go at any moment: each answer is as of the call,
// and "nothing" when there is none or it may not be seen.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmitap::backend::local {

struct ProcessStatus {
  char state = '?';        // R S D T t Z X I
  pid_t thread_group = 0;  // the PID of a thread's process
  pid_t parent = 0;
  pid_t tracer = 0;         // thread that traces it, 0 if none
  uid_t uid = 0;            // real
  pid_t innermost_pid = 0;  // its PID in its own PID namespace
  std::uint32_t threads = 0;
};

// Of a process, or of one of its threads.
std::optional<ProcessStatus> process_status(pid_t pid);
std::optional<ProcessStatus> thread_status(pid_t pid, pid_t tid);

// What tells two programs apart that one process runs one after the other.
struct ProgramImage {
  std::string program;            // what /proc/PID/exe names; empty if nothing may be seen
  std::uint64_t start_time = 0;   // of the process, clock ticks since boot; PIDs are reused, this is not
  std::uint64_t start_stack = 0;  // changes with each exec (but for a program run without ASLR)
  auto operator<=>(const ProgramImage&) const = default;
};
std::optional<ProgramImage> program_image(pid_t pid);

// The wait status of a process that ended but was not waited for.
std::optional<int> zombie_status(pid_t pid);

// A file of /proc, at most `limit` bytes of it.
std::optional<std::string> read_proc_file(const std::string& path, std::size_t limit = 1u << 16);
std::optional<std::string> read_link(const std::string& path);

// A thread of the process that still has its memory and files: the process's first thread unless that
// has ended before the others, whose /proc entries then stand empty.
pid_t living_thread(pid_t pid);

}  // namespace vmitap::backend::local
