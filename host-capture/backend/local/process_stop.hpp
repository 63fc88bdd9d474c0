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
  // access_denied (another tracer, no permission); timeout (a thread sits in an uninterruptible call for
  // 20 ms, or finds no processor for 250 ms).
  Result<void> stop();
  void release() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  ProcessStop(pid_t pid, Fd tasks, bool our_child)
      : pid_(pid), our_child_(our_child), tasks_(std::move(tasks)) {}

  Result<void> take_back_stragglers();
  Result<void> stop_all();
  Result<std::size_t> seize_new();
  Result<bool> seize(pid_t tid);
  Result<void> wait_for_all();
  Result<void> wait_for(Tracee& tracee);
  bool all_are_known() const noexcept;
  bool all_still_stand();
  char state_of(pid_t tid) const;
  void drop_ended() noexcept;
  Error gone() const;
  Error denied(pid_t tracer) const;
  Error late(pid_t tid) const;

  const pid_t pid_;
  const bool our_child_;
  Fd tasks_;                        // /proc/PID/task
  TracerThread* thread_ = nullptr;  // while begun
  Clock::time_point begun_;
  std::vector<Tracee> tracees_;
  std::vector<pid_t> known_;  // sorted, in a second and later scan
  bool saw_end_ = false;      // of a thread we held or were to hold
  bool saw_dead_ = false;     // a thread that ended but is still listed
  std::array<char, 1 << 15> entries_;
};

}  // namespace vmitap::backend::local
