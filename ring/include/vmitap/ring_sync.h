/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A producer that waits for the host: after a commit with VMITAP_RECORD_SYNC, until its ticket is answered,
 * spinning on vmitap_sync_answered() for a while, then:
 *
 *	was = vmitap_sync_park(producer);
 *	while ((seen = vmitap_sync_answer(producer)) < ticket && in time: vmitap_sync_patience())
 *		futex_wait(vmitap_sync_futex(producer), (u32)seen, time left)	or the like
 *	vmitap_sync_unpark(producer, was);
 *	if (!vmitap_sync_answered(producer, ticket))
 *		vmitap_sync_abandon(producer, ticket);
 */
#ifndef VMITAP_RING_SYNC_H
#define VMITAP_RING_SYNC_H

#include "vmitap/barrier.h"
#include "vmitap/ring_abi.h"
#include "vmitap/ring_producer.h"

/* False for a record that interrupted another one between reserve and commit: the host cannot reach it
 * before the outer one is committed, so nobody may wait for its answer. */
static inline bool vmitap_sync_possible(const struct vmitap_record *record)
{
	return record->outer == 0;
}

static inline vmitap_u64 vmitap_sync_ticket(const struct vmitap_record *record)
{
	return record->position + 1;
}

/* Acquire: with the release in Consumer::answer_sync (ring_consumer.cpp); the host has read by then. */
static inline vmitap_u64 vmitap_sync_answer(const struct vmitap_producer *producer)
{
	return vmitap_load_acquire(&producer->control->sync_answered);
}

static inline bool vmitap_sync_answered(const struct vmitap_producer *producer, vmitap_u64 ticket)
{
	return vmitap_sync_answer(producer) >= ticket;
}

/* How long a wait may take of the time that is allowed. While the host has not come as far as a record that was given up,
 * it hangs, or is stopped: each wait in vain halves the next, so that it costs two of them and not one for each fire. */
static inline vmitap_u32 vmitap_sync_patience(struct vmitap_producer *producer, vmitap_u32 timeout_us)
{
	if (vmitap_load_relaxed(&producer->state->sync_abandoned) <= vmitap_sync_answer(producer))
		producer->waits_in_vain = 0;
	return producer->waits_in_vain < 32 ? timeout_us >> producer->waits_in_vain : 0;
}

#ifndef __KERNEL__
/* The futex that changes with each answer: the low half of sync_answered. */
static inline vmitap_u32 *vmitap_sync_futex(const struct vmitap_producer *producer)
{
	void *const word = &producer->control->sync_answered;

	return VMITAP_CAST(vmitap_u32 *, word);
}
#endif

/* From here on the host wakes us. Returns what vmitap_sync_unpark() takes: a handler that waits while
 * it interrupts a wait leaves the flag as it found it. Fence: with Consumer::needs_wake. */
static inline vmitap_u32 vmitap_sync_park(struct vmitap_producer *producer)
{
	const vmitap_u32 was = vmitap_load_relaxed(&producer->state->sync_parked);

	vmitap_store_relaxed(&producer->state->sync_parked, 1u);
	vmitap_fence();
	return was;
}

static inline void vmitap_sync_unpark(struct vmitap_producer *producer, vmitap_u32 was)
{
	vmitap_store_relaxed(&producer->state->sync_parked, was);
}

/* Before the producer goes on unanswered. What it writes afterwards is seen by the host only together
 * with this: with Consumer::sync_abandoned (ring_consumer.cpp). */
static inline void vmitap_sync_abandon(struct vmitap_producer *producer, vmitap_u64 ticket)
{
	vmitap_u64 *const abandoned = &producer->state->sync_abandoned;
	vmitap_u64 was = vmitap_load_relaxed(abandoned);

	while (was < ticket && !vmitap_local_cmpxchg(abandoned, &was, ticket))
		;
	vmitap_local_add(&producer->state->sync_timeouts, 1);
	if (producer->waits_in_vain < 32)
		producer->waits_in_vain++;
	vmitap_fence();
}

#endif /* VMITAP_RING_SYNC_H */
