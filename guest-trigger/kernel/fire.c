// SPDX-License-Identifier: GPL-2.0
/*
 * The hot path: an armed trigger fires. Any context, NMI included: no lock, no allocation, no sleep.
 * Preemption is off throughout, which keeps the vCPU's ring ours, and plan and rings alive (RCU).
 */
#include <linux/export.h>
#include <linux/hardirq.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>
#include <xen/interface/sched.h>

#include <asm/msr.h>
#include <asm/xen/hypercall.h>

#include "clock.h"
#include "inline_fetch.h"
#include "packet.h"
#include "plan.h"
#include "rings.h"
#include "vmitap/site.h"
#include "vmitap/ring_sync.h"

#define SPINS 1000
#define NAP_NS 200000u

static bool its_turn(struct vmitap_kernel_site *site, const struct vmitap_plan *plan)
{
	return plan->sample <= 1 || (u32)(atomic_inc_return(&site->passed) - 1) % plan->sample == 0;
}

/* Leaves the processor to other domains, dom0 first of all. Any event of this domain ends it early: the host's
 * notification does, whichever vCPU it is for. */
static void nap(void)
{
	const u64 now = vmitap_clock_system_ns();
	struct sched_poll poll = { .nr_ports = 0, .timeout = now + NAP_NS };

	set_xen_guest_handle(poll.ports, NULL);
	HYPERVISOR_sched_op(now ? SCHEDOP_poll : SCHEDOP_yield, now ? &poll : NULL);
}

/* SYNC: until the host answered, or is gone, or it takes too long. */
static noinline void wait_for_host(const struct vmitap_channel *channel, struct vmitap_producer *producer, u64 ticket,
				   u32 timeout_us)
{
	const u32 patience_us = vmitap_sync_patience(producer, timeout_us);
	const u64 deadline = ktime_get_mono_fast_ns() + (u64)patience_us * NSEC_PER_USEC;
	unsigned int spin;
	u32 was;

	for (spin = 0; spin < SPINS; spin++) {
		if (vmitap_sync_answered(producer, ticket))
			return;
		vmitap_cpu_relax();
	}
	was = vmitap_sync_park(producer);
	while (!vmitap_sync_answered(producer, ticket) && vmitap_channel_present(channel) &&
	       ktime_get_mono_fast_ns() < deadline)
		nap();
	vmitap_sync_unpark(producer, was);
	if (!vmitap_sync_answered(producer, ticket))
		vmitap_sync_abandon(producer, ticket);
}

static void record_it(const struct vmitap_rings *rings, struct vmitap_producer *producer, const struct vmitap_plan *plan,
		      const void *args, const struct sk_buff *packet, u64 ticks)
{
	struct vmitap_record record VMITAP_FILLED_LATER;
	u64 ticket;
	u8 flags = 0;

	if (!vmitap_reserve_slots(producer, &record, plan->payload_size, plan->slots))
		return;
	if (plan->args_size)
		vmitap_write(&record, args, plan->args_size);
	if (plan->fetch_count) {
		/* A copy: the record itself stays in registers as long as nobody has its address. */
		struct vmitap_record fetched = record;

		vmitap_inline_fetch(plan, args, packet, &fetched);
		record = fetched;
		flags |= VMITAP_RECORD_INLINE;
	}
	/* An NMI may have interrupted what the host needs to answer. */
	if ((plan->flags & VMITAP_ARM_SYNC) && !in_nmi() && vmitap_sync_possible(&record))
		flags |= VMITAP_RECORD_SYNC;
	ticket = vmitap_sync_ticket(&record);
	vmitap_publish(&record, plan->trigger, flags, ticks);
	/* The host looks again before it sleeps for long, so only who waits for it pays for a fence. */
	if (vmitap_announce(producer, flags & VMITAP_RECORD_SYNC))
		vmitap_channel_notify(rings->channel);
	if (flags & VMITAP_RECORD_SYNC)
		wait_for_host(rings->channel, producer, ticket, plan->sync_timeout_us);
}

/* One for all triggers, so that there is one copy of what it inlines. Of a packet vmitap_packet_wanted() has asked for its turn. */
static noinline void fire(struct vmitap_kernel_site *site, const void *args, const struct sk_buff *packet)
{
	const u64 ticks = rdtsc();
	const struct vmitap_plan *plan;
	struct vmitap_rings *rings;

	preempt_disable_notrace();
	/* With vmitap_plan_install() and _remove() (plan.c), vmitap_rings_open() and _close() (rings.c). */
	plan = rcu_dereference_sched(site->plan);
	rings = rcu_dereference_sched(vmitap_rings_current);
	if (plan && rings && (packet || its_turn(site, plan)))
		record_it(rings, &rings->ring[raw_smp_processor_id()].producer, plan, args, packet, ticks);
	preempt_enable_notrace();
}

void vmitap_fire(struct vmitap_kernel_site *site, const void *args)
{
	fire(site, args, NULL);
}
EXPORT_SYMBOL_GPL(vmitap_fire);

bool vmitap_packet_passes(struct vmitap_kernel_site *site, struct sk_buff *packet)
{
	const struct vmitap_plan *plan;
	bool wanted;

	preempt_disable_notrace();
	plan = rcu_dereference_sched(site->plan); /* as in fire() */
	wanted = plan && (!plan->filter || vmitap_filter_passes(plan->filter, packet)) && its_turn(site, plan);
	preempt_enable_notrace();
	return wanted;
}
EXPORT_SYMBOL_GPL(vmitap_packet_passes);

void vmitap_packet_fire(struct vmitap_kernel_site *site, const void *args, struct sk_buff *packet)
{
	fire(site, args, packet);
}
EXPORT_SYMBOL_GPL(vmitap_packet_fire);
