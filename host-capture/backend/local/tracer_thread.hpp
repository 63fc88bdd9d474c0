// SPDX-License-Identifier: MIT
// What a thread that pauses guests owes them: that nothing stays stopped, whatever gets in the way.
//
// Two kernel calls can wait without bound. waitid() waits for a thread that sits in an uninterruptible
// call (vfork, a dead network disk). PTRACE_SEIZE waits for an exec under way in the guest, which in turn
// waits until the threads we traced are reaped: a deadlock, as a signal does not end that call but
// restarts it. So a timer sends SIGURG (ignored by default, used by nothing else here) to this thread, and
// its handler lets go what can be let go. It runs on the tracing thread: no other may detach.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <utility>
#include <vector>

#include "backend/local/tracee.hpp"
#include "base/result.hpp"

namespace vmitap::backend::local {

class TracerThread {
 public:
  // Of the calling thread, made at the first call. Unblocks SIGURG in it.
  static Result<TracerThread*> current();
  TracerThread(const TracerThread&) = delete;
  TracerThread& operator=(const TracerThread&) = delete;
  ~TracerThread();

  // From now on the handler leaves the lists alone but inside `interruptible`. After `patience` it
  // interrupts each blocking call, again and again.
  void begin(std::chrono::nanoseconds patience) noexcept;
  // Runs a call that may block for ever. If it seems to, the handler lets go every one of `tracees`; true
  // then.
  template <class Call>
  bool interruptible(std::vector<Tracee>& tracees, Call&& call) noexcept {
    in_progress_ = &tracees;
    rings_ = 0;
    open_.store(true, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    call();
    std::atomic_signal_fence(std::memory_order_seq_cst);
    open_.store(false, std::memory_order_relaxed);
    in_progress_ = nullptr;
    return std::exchange(abandoned_, false);
  }
  // The stop is complete. The timer may ring once more, for nothing.
  void hold() noexcept { open_.store(true, std::memory_order_relaxed); }
  // Before the lists are touched again.
  void resume() noexcept { open_.store(false, std::memory_order_relaxed); }
  // Ends what begin() began. What could not be let go becomes a straggler, and is let go by the handler
  // as soon as it stands still.
  void end(const std::vector<Tracee>& tracees) noexcept;

  // After begin(): moves the stragglers of this process to `tracees`.
  void take_back(pid_t pid, std::vector<Tracee>& tracees);

 private:
  TracerThread() = default;
  static void on_signal(int) noexcept;
  void tend() noexcept;
  void arm(std::chrono::nanoseconds first, std::chrono::nanoseconds interval) noexcept;

  timer_t timer_{};
  bool timer_made_ = false;
  // Between this thread and the handler that interrupts it, so relaxed with signal fences.
  std::atomic<bool> open_{true};
  bool abandoned_ = false;
  int rings_ = 0;  // of the timer, in one call
  std::vector<Tracee>* in_progress_ = nullptr;
  std::vector<Tracee> stragglers_;
  std::chrono::nanoseconds interval_{0};
};

}  // namespace vmitap::backend::local
