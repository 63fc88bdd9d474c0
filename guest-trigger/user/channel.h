/* SPDX-License-Identifier: MIT */
/*
 * The shared memory of this process (ring_abi.h): made at the first attach and kept from then on.
 * Under the state lock, but for the members that threads use to fire.
 */
#ifndef VMITAP_CHANNEL_H
#define VMITAP_CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>

#include "descriptor.h"
#include "rings.h"

#define VMITAP_RING_SLOTS 1024u
#define VMITAP_CHANNEL_DESCRIPTORS 3

struct vmitap_channel {
	pid_t pid;
	enum vmitap_clock clock;
	struct vmitap_descriptor guest_memory, host_memory, doorbell;
	size_t guest_size, host_size;
	struct vmitap_guest_header *guest; /* the guest region: shared, ours to write */
	void *host;			   /* the host region: shared, mapped read-only */
	struct vmitap_ring rings[VMITAP_RING_COUNT];
};

/* NULL before the first attach, and in a child that has none yet. Threads load it with acquire. */
extern struct vmitap_channel *vmitap_channel_current;

/* For a host that attaches. 0 or an errno. */
int vmitap_channel_open(void);
/* Guest region, host region, eventfd. */
void vmitap_channel_descriptors(int descriptors[VMITAP_CHANNEL_DESCRIPTORS]);
/* The host is gone: threads that wait for its answer go on. */
void vmitap_channel_release(void);
/* Wakes threads that still wait for a host that is gone. True: some are left, call again soon. */
bool vmitap_channel_wake_released(void);
/* In a forked child: leaves the parent's channel. firing: the caller is in the middle of a firing,
 * which goes on, into the void. */
void vmitap_channel_forked(bool firing);

/* Counts the hosts that went; a thread that waits for an answer stops when it changes. Any thread. */
uint32_t vmitap_channel_epoch(void);
/* Wakes the host that sleeps. Async-signal-safe. */
void vmitap_channel_notify(const struct vmitap_channel *channel);

#endif /* VMITAP_CHANNEL_H */
