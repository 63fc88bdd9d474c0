/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <sys/mman.h>
#include <unistd.h>

struct vmitap_channel *vmitap_channel_current;
struct vmitap_channel *vmitap_channels;

static uint32_t epoch;

static size_t size_of(uint32_t rings)
{
	return sizeof(struct vmitap_channel) + rings * sizeof(struct vmitap_ring);
}

struct vmitap_channel *vmitap_channel_new(const struct vmitap_transport *transport, uint32_t rings, uint32_t slots)
{
	struct vmitap_channel *channel =
		mmap(NULL, size_of(rings), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (channel == MAP_FAILED)
		return NULL;
	channel->transport = transport;
	channel->pid = getpid();
	channel->doorbell.fd = -1;
	channel->ring_count = rings;
	channel->slots_per_ring = slots;
	return channel;
}

void vmitap_channel_add(struct vmitap_channel *channel, const struct vmitap_guest_header *header)
{
	channel->clock = (enum vmitap_clock)header->clock;
	for (uint32_t i = 0; i < channel->ring_count; i++) {
		channel->rings[i].channel = channel;
		vmitap_producer_init(&channel->rings[i].producer, header, channel->guest, channel->host, i);
	}
	channel->next = vmitap_channels;
	vmitap_store_release(&vmitap_channels, channel); /* pairs with thread_ends() in rings.c */
}

void vmitap_channel_free(struct vmitap_channel *channel)
{
	vmitap_descriptor_close(&channel->doorbell);
	if (channel->guest)
		munmap(channel->guest, channel->guest_size);
	if (channel->host)
		munmap(channel->host, channel->host_size);
	munmap(channel, size_of(channel->ring_count));
}

void vmitap_channel_use(struct vmitap_channel *channel)
{
	vmitap_rings_register();
	vmitap_rings_reap(channel);
	vmitap_store_release(&vmitap_channel_current, channel); /* pairs with vmitap_fire() in fire.c */
}

void vmitap_channel_void(struct vmitap_channel *channel)
{
	int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;

	vmitap_descriptor_close(&channel->doorbell);
	mmap(channel->guest, channel->guest_size, PROT_READ | PROT_WRITE, fixed, -1, 0);
	mmap(channel->host, channel->host_size, PROT_READ, fixed, -1, 0);
}

uint32_t vmitap_channel_epoch(void)
{
	return vmitap_load_acquire(&epoch);
}

void vmitap_channel_release(void)
{
	vmitap_store_release(&epoch, epoch + 1); /* pairs with vmitap_channel_epoch() */
}

bool vmitap_channel_wake_released(void)
{
	bool left = false;

	/* A thread that looked at the epoch just before it changed, and sleeps just after we woke, is the
	 * reason to come again. */
	for (struct vmitap_channel *channel = vmitap_channels; channel; channel = channel->next) {
		for (uint32_t i = 0; channel->transport->wake && i < channel->ring_count; i++) {
			const struct vmitap_ring *ring = &channel->rings[i];

			if (!vmitap_load_acquire(&ring->producer.state->sync_parked) ||
			    vmitap_load_relaxed(&ring->waits_in_epoch) == epoch)
				continue;
			channel->transport->wake(ring);
			left = true;
		}
	}
	return left;
}

void vmitap_channel_forked(bool firing)
{
	struct vmitap_channel *channel, *next;

	vmitap_store_relaxed(&vmitap_channel_current, NULL);
	for (channel = vmitap_channels; channel; channel = next) {
		next = channel->next;
		if (firing)
			vmitap_channel_void(channel);
		else
			vmitap_channel_free(channel);
	}
	vmitap_store_relaxed(&vmitap_channels, NULL);
	vmitap_channel_release();
}
