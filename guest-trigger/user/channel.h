/* SPDX-License-Identifier: MIT */
/*
 * What this process shares with a host (ring_abi.h). There is one channel for hosts on this machine
 * (memory_channel.h) and one for dom0 (device_channel.h); threads fire into that of the host that is attached.
 * Under the state lock, but for the members that threads use to fire. A channel is never freed while the
 * process lives: a thread may be about to fire into one that is no longer used.
 */
#ifndef VMITAP_CHANNEL_H
#define VMITAP_CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "descriptor.h"
#include "rings.h"

struct vmitap_channel;

/* How a channel's threads and its host reach each other. Any thread; async-signal-safe. */
struct vmitap_transport {
	/* The host fences for both sides before it sleeps (FORMAT.md). */
	bool host_fences;
	void (*notify)(const struct vmitap_channel *channel);
	/* Sleeps until the ring's sync_answered differs from what was seen, at the longest to the deadline of
	 * CLOCK_MONOTONIC. False: there is nothing to wait for any more. */
	bool (*wait)(const struct vmitap_ring *ring, uint64_t ticket, uint64_t seen, const struct timespec *deadline);
	/* Ends such a sleep for a look at the epoch. NULL: it ends by itself when the host goes. */
	void (*wake)(const struct vmitap_ring *ring);
};

struct vmitap_channel {
	struct vmitap_channel *next; /* of vmitap_channels */
	const struct vmitap_transport *transport;
	pid_t pid;
	enum vmitap_clock clock;
	struct vmitap_descriptor doorbell;
	size_t guest_size, host_size;
	struct vmitap_guest_header *guest; /* the guest region: shared, ours to write */
	void *host;			   /* the host region: shared, mapped read-only */
	uint32_t ring_count, slots_per_ring;
	struct vmitap_ring rings[];
};

/* Into which threads fire. NULL before the first attach, and in a child that has none yet. Threads load it with
 * acquire. */
extern struct vmitap_channel *vmitap_channel_current;
/* All there are; it only grows at its head, with release. */
extern struct vmitap_channel *vmitap_channels;

/* An empty one, of no regions yet, not in the list. NULL: no memory (errno). */
struct vmitap_channel *vmitap_channel_new(const struct vmitap_transport *transport, uint32_t rings, uint32_t slots);
/* Its regions are mapped: furnishes the rings as the header says, and puts it into the list. */
void vmitap_channel_add(struct vmitap_channel *channel, const struct vmitap_guest_header *header);
/* One that is not in the list. */
void vmitap_channel_free(struct vmitap_channel *channel);

/* For a host that attaches: from here on threads fire into it. */
void vmitap_channel_use(struct vmitap_channel *channel);
/* What it shares is let go of. Threads that still fire into it do so into the void. */
void vmitap_channel_void(struct vmitap_channel *channel);
/* The host is gone: threads that wait for its answer go on. */
void vmitap_channel_release(void);
/* Wakes threads that still wait for a host that is gone. True: some are left, call again soon. */
bool vmitap_channel_wake_released(void);
/* In a forked child: leaves the parent's channels. firing: the caller is in the middle of a firing,
 * which goes on, into the void. */
void vmitap_channel_forked(bool firing);

/* Counts the hosts that went; a thread that waits for an answer stops when it changes. Any thread. */
uint32_t vmitap_channel_epoch(void);
/* Wakes the host that sleeps. Async-signal-safe. */
static inline void vmitap_channel_notify(const struct vmitap_channel *channel)
{
	channel->transport->notify(channel);
}

#endif /* VMITAP_CHANNEL_H */
