// SPDX-License-Identifier: GPL-2.0
#include "rings.h"

#include <linux/cpumask.h>
#include <linux/slab.h>

struct vmitap_rings __rcu *vmitap_rings_current;

int vmitap_rings_open(const struct vmitap_channel *channel)
{
	const struct vmitap_guest_header *header = channel->guest.address;
	struct vmitap_rings *rings = kvzalloc(struct_size(rings, ring, header->ring_count), GFP_KERNEL);
	u32 i;

	if (!rings)
		return -ENOMEM;
	rings->channel = channel;
	for (i = 0; i < header->ring_count; i++) {
		struct vmitap_producer *producer = &rings->ring[i].producer;

		vmitap_producer_init(producer, header, channel->guest.address, channel->host.address, i);
		/* 0 is nobody: a vCPU is known by its number plus 1. */
		vmitap_producer_claim(producer, i + 1);
	}
	rcu_assign_pointer(vmitap_rings_current, rings);
	return 0;
}

void vmitap_rings_close(void)
{
	struct vmitap_rings *rings = rcu_replace_pointer(vmitap_rings_current, NULL, true);

	if (!rings)
		return;
	synchronize_rcu();
	kvfree(rings);
}
