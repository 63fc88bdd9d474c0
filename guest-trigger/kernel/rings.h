/* SPDX-License-Identifier: GPL-2.0 */
/* The producer of each vCPU. Made and ended in process context; used with preemption off. */
#ifndef VMITAP_RINGS_H
#define VMITAP_RINGS_H

#include <linux/cache.h>
#include <linux/rcupdate.h>

#include "channel.h"
#include "vmitap/ring_producer.h"

struct vmitap_ring {
	struct vmitap_producer producer;
} ____cacheline_aligned;

struct vmitap_rings {
	const struct vmitap_channel *channel;
	struct vmitap_ring ring[]; /* of each possible vCPU, by its number */
};

/* NULL while there is no channel. Read under RCU. */
extern struct vmitap_rings __rcu *vmitap_rings_current;

/* Begins to use the channel's rings. 0 or a negative errno. */
int vmitap_rings_open(const struct vmitap_channel *channel);
/* Returns when nobody fires into them any more. */
void vmitap_rings_close(void);

#endif /* VMITAP_RINGS_H */
