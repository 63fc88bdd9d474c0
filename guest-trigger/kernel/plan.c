// SPDX-License-Identifier: GPL-2.0
#include "plan.h"

#include <linux/err.h>
#include <linux/jump_label.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "packet.h"
#include "vmitap/ring_layout.h"

static bool fits(u64 size, u64 origin, u64 whole)
{
	return origin <= whole && size <= whole - origin;
}

static bool valid(const struct vmitap_fetch *fetch, const struct vmitap_kernel_site *site)
{
	if (fetch->hops > VMITAP_FETCH_HOPS_MAX || fetch->size > VMITAP_RECORD_PAYLOAD_MAX)
		return false;
	if (fetch->base == VMITAP_FETCH_ARGUMENT)
		return fits(fetch->hops ? sizeof(u64) : fetch->size, fetch->origin, site->size);
	if (fetch->base == VMITAP_FETCH_PACKET)
		return site->kind == VMITAP_KERNEL_PACKET_TRIGGER && !fetch->hops;
	return fetch->base == VMITAP_FETCH_ADDRESS;
}

static struct vmitap_refused refused(enum vmitap_refusal reason, u32 detail)
{
	return (struct vmitap_refused){ .reason = reason, .detail = detail };
}

/* What the request asks for, checked; its payload in bytes. */
static struct vmitap_refused check(const struct vmitap_kernel_site *site, const struct vmitap_arm *request,
				   const struct vmitap_fetch *fetches, u32 slots, u64 *payload)
{
	u32 i;

	if (request->flags & ~VMITAP_ARM_SYNC)
		return refused(VMITAP_REFUSED_MESSAGE, 0);
	if (request->filter_count && site->kind != VMITAP_KERNEL_PACKET_TRIGGER)
		return refused(VMITAP_REFUSED_FILTER, EOPNOTSUPP);
	*payload = site->size + (request->fetch_count ? sizeof(u64) : 0);
	for (i = 0; i < request->fetch_count; i++) {
		if (!valid(&fetches[i], site))
			return refused(VMITAP_REFUSED_MESSAGE, 0);
		*payload += fetches[i].size;
	}
	if (*payload > vmitap_payload_max(slots))
		return refused(VMITAP_REFUSED_SIZE, vmitap_payload_max(slots));
	return refused(0, 0);
}

static void free_plan(struct rcu_head *head)
{
	struct vmitap_plan *plan = container_of(head, struct vmitap_plan, rcu);

	vmitap_filter_destroy(plan->filter);
	kfree(plan);
}

static void replace(struct vmitap_kernel_site *site, struct vmitap_plan *plan)
{
	/* With fire() in fire.c. */
	struct vmitap_plan *old = rcu_replace_pointer(site->plan, plan, true);

	if (old)
		call_rcu(&old->rcu, free_plan);
}

static int attach(const struct vmitap_kernel_site *site)
{
	if (!site->attachment || static_key_enabled(&site->tracepoint.key))
		return 0;
	return site->attachment->attach();
}

static void detach(const struct vmitap_kernel_site *site)
{
	if (site->attachment && static_key_enabled(&site->tracepoint.key))
		site->attachment->detach();
}

struct vmitap_refused vmitap_plan_install(struct vmitap_kernel_site *site, const struct vmitap_arm *request,
					  const struct vmitap_fetch *fetches,
					  const struct vmitap_filter_step *filter, u32 slots)
{
	struct vmitap_refused refusal;
	struct vmitap_plan *plan;
	bool chooses;
	u64 payload;
	int error;

	refusal = check(site, request, fetches, slots, &payload);
	if (refusal.reason)
		return refusal;
	plan = kzalloc(struct_size(plan, fetches, request->fetch_count), GFP_KERNEL);
	if (!plan)
		return refused(VMITAP_REFUSED_MEMORY, ENOMEM);
	plan->filter = vmitap_filter_create(filter, request->filter_count);
	if (IS_ERR(plan->filter)) {
		refusal = refused(VMITAP_REFUSED_FILTER, -PTR_ERR(plan->filter));
		kfree(plan);
		return refusal;
	}
	error = attach(site);
	if (error) {
		free_plan(&plan->rcu);
		return refused(VMITAP_REFUSED_MEMORY, -error);
	}
	chooses = plan->filter || request->sample > 1;
	plan->trigger = site->id;
	plan->flags = request->flags;
	plan->sample = request->sample;
	plan->sync_timeout_us = min(request->sync_timeout_us, VMITAP_SYNC_TIMEOUT_MAX_US);
	plan->args_size = site->size;
	plan->payload_size = payload;
	plan->slots = vmitap_record_slots(payload);
	plan->fetch_count = request->fetch_count;
	memcpy(plan->fetches, fetches, array_size(request->fetch_count, sizeof(*fetches)));
	atomic_set(&site->passed, 0);
	/* Nobody sees the new plan who was not asked to choose, if it does. */
	if (chooses && !site->chooses) {
		WRITE_ONCE(site->chooses, true);
		synchronize_rcu();
	}
	replace(site, plan);
	if (!chooses)
		WRITE_ONCE(site->chooses, false);
	static_key_enable(&site->tracepoint.key);
	return refusal;
}

void vmitap_plan_remove(struct vmitap_kernel_site *site)
{
	detach(site);
	static_key_disable(&site->tracepoint.key);
	replace(site, NULL);
}

void vmitap_plan_abandon(struct vmitap_kernel_site *site)
{
	replace(site, NULL);
}

void vmitap_plans_drain(void)
{
	rcu_barrier();
}
