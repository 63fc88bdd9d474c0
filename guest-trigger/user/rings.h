/* SPDX-License-Identifier: MIT */
/*
 * Which thread writes to which ring. A thread claims a ring of a channel when it first fires into it and gives
 * it back when it ends. Lock-free and async-signal-safe, but for the look at who is busy (state lock).
 */
#ifndef VMITAP_RINGS_H
#define VMITAP_RINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmitap/ring_producer.h"
#include "vmitap/ring_sync.h"

struct vmitap_channel;

/* One ring's private half. Written by the thread that holds the ring. */
struct vmitap_ring {
	_Alignas(64) struct vmitap_producer producer;
	struct vmitap_channel *channel;
	/* Firings that this thread is in (a signal handler may fire in another's middle), and a count that
	 * changes whenever it left them all. */
	uint32_t busy;
	uint32_t passes;
	uint32_t waits_in_epoch; /* which host a SYNC waits for (vmitap_channel_epoch) */
	/* The agent's, of its last look (vmitap_rings_look). */
	uint32_t passes_seen;
	bool busy_seen;
};

/* Before the first thread could fire. False: this system cannot keep a child away from the rings. */
bool vmitap_rings_prepare(void);
/* At an attach: makes fences of the agent and of the host reach this process's threads. */
void vmitap_rings_register(void);
/* False in a child that has not run vmitap_rings_forked(): what it maps is its parent's. */
bool vmitap_rings_alive(void);
/* In a forked child. True: the calling thread is in the middle of a firing. */
bool vmitap_rings_forked(void);
/* The calling thread's ring, claimed if need be; NULL if none is free. */
struct vmitap_ring *vmitap_rings_mine(struct vmitap_channel *channel);
/* Gives back the rings of threads that ended without saying so (a bare exit(2)). State lock. */
void vmitap_rings_reap(struct vmitap_channel *channel);

/* False if the kernel offers no membarrier(2): then threads fence for themselves. */
extern bool vmitap_rings_membarrier;

/* Between enter and leave the thread may use the plans that it finds. */
static inline void vmitap_rings_enter(struct vmitap_ring *ring)
{
	vmitap_store_relaxed(&ring->busy, ring->busy + 1);
	/* Pairs with the membarrier of vmitap_rings_look() in rings.c. */
	if (vmitap_load_relaxed(&vmitap_rings_membarrier))
		vmitap_compiler_fence();
	else
		vmitap_fence();
}

static inline void vmitap_rings_leave(struct vmitap_ring *ring)
{
	uint32_t busy = ring->busy - 1;

	vmitap_store_release(&ring->busy, busy); /* pairs with vmitap_rings_left() in rings.c */
	if (!busy)
		vmitap_store_release(&ring->passes, ring->passes + 1);
}

/* Notes which threads are firing now, into any channel. State lock. */
void vmitap_rings_look(void);
/* Whether each of them has left since. */
bool vmitap_rings_left(void);

#endif /* VMITAP_RINGS_H */
