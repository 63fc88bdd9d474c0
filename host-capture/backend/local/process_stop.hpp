// SPDX-License-Identifier: MIT
// Stops all threads of a process and lets them go. The stop is a ptrace stop: its owner is known to the
// kernel, which gives the process back when the owner dies. Job control does not see it, and a SIGSTOP
// that stands stays in force.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "backend/local/tracee.hpp"
#include "backend/local/tracer_thread.hpp"
#include "base/handle.hpp"
#include "base/result.hpp"

namespace vmitap::backend::local {

// stop() and release() in turns, on one thread.
class ProcessStop {
 public:
  static Result<std::unique_ptr<ProcessStop>> make(pid_t pid);
  ~ProcessStop() { release(); }
  ProcessStop(const ProcessStop&) = delete;
  ProcessStop& operator=(const ProcessStop&) = delete;

  // After it no thread of the process runs. On error none is stopped by us. Errors: guest_gone;
  // access_denied (another tracer, no permission); timeout (a thread that does not stop within 20 ms).
  Result<void> stop();
  void release() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  ProcessStop(pid_t pid, Fd tasks, bool our_child)
      : pid_(pid), our_child_(our_child), tasks_(std::move(tasks)) {}

  Result<void> stop_all();
  Result<std::size_t> seize_new();
  Result<bool> seize(pid_t tid);
  Result<bool> explain_refusal(pid_t tid);
  Result<void> wait_for_all();
  Result<void> wait_for(Tracee& tracee);
  bool all_are_known() const noexcept;
  Error gone() const;
  Error late(pid_t tid) const;

  const pid_t pid_;
  const bool our_child_;
  Fd tasks_;                        // /proc/PID/task
  TracerThread* thread_ = nullptr;  // while begun
  Clock::time_point deadline_;
  std::vector<Tracee> tracees_;
  std::vector<pid_t> known_;  // sorted, in a second and later scan
  bool saw_dead_ = false;     // a thread that ended but is still listed
  std::array<char, 1 << 15> entries_;
};

}  // namespace vmitap::backend::local
