// SPDX-License-Identifier: MIT
// One thread of a guest under our ptrace (ptrace(2), PTRACE_SEIZE). All functions are async-signal-safe
// and must run on the thread that seized: the kernel ties a tracee to that one.
#pragma once

#include <sys/types.h>

namespace vmitap::backend::local {

struct Tracee {
  enum class State : unsigned char {
    running,  // seized; it was told to stop, or is about to die
    stopped,
    dead,      // a first thread that ended before the others: cannot be waited for before they end
    released,  // no longer ours: let go, or dead and, if ours to wait for, waited for
  };

  pid_t pid = 0;  // its process
  pid_t tid = 0;
  // False for the first thread of a child of our own, whose end is for the child's owner to wait for.
  bool reap = true;
  State state = State::running;
  int signal = 0;  // was about to be delivered when the thread stopped
};

// Any number of times: one stop comes of it.
void tell_to_stop(const Tracee& tracee) noexcept;

// Moves a running tracee on to stopped or released if the kernel says so. With `block` waits for it,
// until a signal handler runs. Nothing is consumed: were we killed now, the kernel would still deliver
// the tracee's signal.
void observe(Tracee& tracee, bool block) noexcept;

// Lets it go as it was: a group stop (SIGSTOP) stays in force, its pending signal is delivered. A thread
// that does not stand still cannot be let go: it stays `running` and is told to stop; try again.
void let_go(Tracee& tracee) noexcept;

}  // namespace vmitap::backend::local
