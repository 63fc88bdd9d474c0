/* SPDX-License-Identifier: MIT */
/*
 * The one lock of the library. It guards the registry, the plans, the sessions and the channel's
 * set-up; who holds it never waits. The agent holds it whenever it is awake, and fork takes it, so
 * that a child finds all of this whole. Firing never takes it.
 */
#ifndef VMITAP_STATE_H
#define VMITAP_STATE_H

#include <signal.h>

/* Blocks all signals for as long: a handler that forks, or loads an object, would wait for itself. And
 * cancellation: a thread of the program's that forks or loads would end with the lock held. */
void vmitap_state_lock(sigset_t *signals);
void vmitap_state_unlock(const sigset_t *signals);

#endif /* VMITAP_STATE_H */
