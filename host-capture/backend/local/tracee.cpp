// SPDX-License-Identifier: MIT
#include "backend/local/tracee.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>

namespace vmitap::backend::local {
namespace {

void bury(Tracee& tracee) noexcept {
  // While we trace it, its parent is not told of its death: that comes with our wait.
  siginfo_t info{};
  if (tracee.reap) ::waitid(P_PID, static_cast<id_t>(tracee.tid), &info, WEXITED | WNOHANG | __WALL);
  tracee.state = Tracee::State::released;
}

}  // namespace

void tell_to_stop(const Tracee& tracee) noexcept {
  if (::ptrace(PTRACE_INTERRUPT, tracee.tid, nullptr, nullptr) == 0 || tracee.tid == tracee.pid) return;
  // Dead, as its wait will tell, or it exec'd while it was seized, and is the first thread now.
  ::ptrace(PTRACE_INTERRUPT, tracee.pid, nullptr, nullptr);
}

void observe(Tracee& tracee, bool block) noexcept {
  // WNOWAIT: a wait that consumes the stop also takes the signal out of the kernel's hands.
  const int flags = WSTOPPED | WEXITED | WNOWAIT | __WALL | (block ? 0 : WNOHANG);
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(tracee.tid), &info, flags) != 0) {
    if (errno == ECHILD) tracee.state = Tracee::State::released;  // reaped, or took another tid in an exec
    return;
  }
  if (info.si_pid == 0) return;
  if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) return bury(tracee);
  // si_status: PTRACE_EVENT_STOP << 8 | signal for our own stop and for group stops, else the bare signal.
  tracee.signal = (info.si_status >> 8) != 0 ? 0 : info.si_status;
  tracee.state = Tracee::State::stopped;
}

void let_go(Tracee& tracee) noexcept {
  if (tracee.state != Tracee::State::stopped) observe(tracee, false);
  if (tracee.state == Tracee::State::running) tell_to_stop(tracee);
  if (tracee.state != Tracee::State::stopped) return;
  if (::ptrace(PTRACE_DETACH, tracee.tid, nullptr, tracee.signal) == 0) {
    tracee.state = Tracee::State::released;
  } else {
    // SIGKILL has taken it out of its stop.
    tracee.state = Tracee::State::running;
    observe(tracee, false);
    if (tracee.state == Tracee::State::stopped) tracee.state = Tracee::State::running;
  }
}

}  // namespace vmitap::backend::local
