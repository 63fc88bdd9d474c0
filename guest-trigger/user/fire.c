/* SPDX-License-Identifier: MIT */
/* The hot path: an armed trigger fires. */
#include <errno.h>
#include <time.h>

#include "channel.h"
#include "clock.h"
#include "inline_fetch.h"
#include "plan.h"
#include "vmitap/site.h"

/* Spinning for long takes the core that the host may need to answer. */
enum { SPINS = 100, NS_PER_S = 1000000000 };

static bool wanted(struct vmitap_trigger_site *site)
{
	uint32_t sample = vmitap_load_relaxed(&site->sample);

	return sample <= 1 || __atomic_fetch_add(&site->passed, 1, __ATOMIC_RELAXED) % sample == 0;
}

static bool goes_on(uint32_t epoch)
{
	return vmitap_channel_epoch() == epoch && vmitap_rings_alive();
}

static struct timespec deadline_in(uint32_t microseconds)
{
	struct timespec deadline;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += microseconds / 1000000;
	deadline.tv_nsec += microseconds % 1000000 * 1000;
	if (deadline.tv_nsec >= NS_PER_S) {
		deadline.tv_sec++;
		deadline.tv_nsec -= NS_PER_S;
	}
	return deadline;
}

/* SYNC: until the host answered, or is gone, or it takes too long. */
static void wait_for_host(struct vmitap_ring *ring, uint64_t ticket, uint32_t epoch, uint32_t timeout_us)
{
	const uint32_t patience_us = vmitap_sync_patience(&ring->producer, timeout_us);
	struct timespec deadline = deadline_in(patience_us);
	bool in_time = patience_us > 0;
	vmitap_u32 was;

	for (unsigned spin = 0; spin < SPINS && in_time; spin++) {
		if (vmitap_sync_answered(&ring->producer, ticket))
			return;
		vmitap_cpu_relax();
	}
	vmitap_store_relaxed(&ring->waits_in_epoch, epoch);
	was = vmitap_sync_park(&ring->producer);
	while (in_time) {
		/* Read before the look at what else ends the wait, so that any change since ends the sleep. */
		uint64_t seen = vmitap_sync_answer(&ring->producer);

		if (seen >= ticket || !goes_on(epoch))
			break;
		in_time = ring->channel->transport->wait(ring, ticket, seen, &deadline);
	}
	vmitap_sync_unpark(&ring->producer, was);
	if (!vmitap_sync_answered(&ring->producer, ticket))
		vmitap_sync_abandon(&ring->producer, ticket);
}

static void fire(struct vmitap_ring *ring, const struct vmitap_trigger_site *site, const void *args, uint64_t ticks)
{
	uint32_t epoch = vmitap_channel_epoch();
	/* Pairs with vmitap_plan_install() and _remove() in plan.c. */
	const struct vmitap_plan *plan = vmitap_load_acquire(&site->plan);
	struct vmitap_record record;
	uint64_t ticket;
	vmitap_u8 flags = 0;
	bool fenced;

	if (!plan || !vmitap_reserve(&ring->producer, &record, plan->payload_size))
		return;
	if (site->args_size)
		vmitap_write(&record, args, site->args_size);
	if (plan->fetch_count) {
		vmitap_inline_fetch(ring->channel, plan, args, &record);
		flags |= VMITAP_RECORD_INLINE;
	}
	if ((plan->flags & VMITAP_ARM_SYNC) && vmitap_sync_possible(&record))
		flags |= VMITAP_RECORD_SYNC;
	ticket = vmitap_sync_ticket(&record);
	vmitap_publish(&record, plan->trigger, flags, ticks);
	/* A host that does not fence looks again before it sleeps for long: only who waits for it pays for a fence. */
	fenced = !ring->channel->transport->host_fences && flags & VMITAP_RECORD_SYNC;
	if (vmitap_announce(&ring->producer, fenced))
		vmitap_channel_notify(ring->channel);
	if (flags & VMITAP_RECORD_SYNC)
		wait_for_host(ring, ticket, epoch, plan->sync_timeout_us);
}

__attribute__((visibility("default"))) void vmitap_fire(struct vmitap_trigger_site *site, const void *args)
{
	/* Pairs with vmitap_channel_use() in channel.c. */
	struct vmitap_channel *channel = vmitap_load_acquire(&vmitap_channel_current);
	struct vmitap_ring *ring;
	uint64_t ticks;
	int saved = errno;

	if (!channel || !vmitap_rings_alive() || !wanted(site))
		return;
	ticks = vmitap_clock_ticks(channel->clock);
	ring = vmitap_rings_mine(channel);
	if (ring) {
		vmitap_rings_enter(ring);
		fire(ring, site, args, ticks);
		vmitap_rings_leave(ring);
	} else {
		__atomic_fetch_add(&channel->guest->ringless_drops, 1, __ATOMIC_RELAXED);
	}
	errno = saved;
}
