/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "channel.h"
#include "registry.h"

enum { RETIRED_MAX = 4096 };

/* Plans that were replaced: fresh ones, and those that wait until the threads have left them. */
static struct {
	struct vmitap_plan *fresh, *leaving;
	unsigned count;
} retired;

static bool fits(uint64_t size, uint64_t origin, uint64_t whole)
{
	return origin <= whole && size <= whole - origin;
}

static bool valid(const struct vmitap_fetch *fetch, uint32_t args_size)
{
	if (fetch->hops > VMITAP_FETCH_HOPS_MAX || fetch->size > VMITAP_RECORD_PAYLOAD_MAX)
		return false;
	if (fetch->base == VMITAP_FETCH_ARGUMENT)
		return fits(fetch->hops ? sizeof(uint64_t) : fetch->size, fetch->origin, args_size);
	return fetch->base == VMITAP_FETCH_ADDRESS;
}

/* False if some page of it cannot be read now. Where the kernel does not let us ask, it is believed. */
static bool readable_now(uint64_t address, uint32_t size)
{
	const uint64_t end = address + size;
	unsigned char byte;

	for (uint64_t at = address; at < end; at = (at / VMITAP_PAGE_SIZE + 1) * VMITAP_PAGE_SIZE) {
		struct iovec to = { .iov_base = &byte, .iov_len = 1 };
		struct iovec from = { .iov_base = (void *)(uintptr_t)at, .iov_len = 1 };

		if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) < 0 && errno == EFAULT)
			return false;
	}
	return true;
}

/*
 * Marks of the program itself and of the object that fires are mapped for as long as the trigger can
 * fire, and what can be read of them when it is armed must stay so (mark.h). Anything else may vanish in
 * mid-copy.
 */
static bool is_direct(const struct vmitap_trigger_site *site, const struct vmitap_fetch *fetch)
{
	const struct vmitap_module_entry *program = vmitap_registry_program();

	if (fetch->base != VMITAP_FETCH_ADDRESS || fetch->hops)
		return false;
	if (!vmitap_module_readable(site->module, fetch->origin, fetch->size) &&
	    !(program && vmitap_module_readable(program, fetch->origin, fetch->size)))
		return false;
	return readable_now(fetch->origin, fetch->size);
}

static void retire(struct vmitap_plan *plan)
{
	if (!plan)
		return;
	plan->next_retired = retired.fresh;
	retired.fresh = plan;
	retired.count++;
}

struct vmitap_refused vmitap_plan_install(struct vmitap_trigger_site *site, const struct vmitap_arm *request,
					  const struct vmitap_fetch *fetches)
{
	struct vmitap_refused refusal = { 0 };
	/* Who arms is attached: this is his channel. */
	const uint32_t payload_max = vmitap_payload_max(vmitap_channel_current->slots_per_ring);
	uint64_t payload = site->args_size;
	struct vmitap_plan *plan, *old;

	if (request->flags & ~VMITAP_ARM_SYNC) {
		refusal.reason = VMITAP_REFUSED_MESSAGE;
		return refusal;
	}
	if (request->filter_count) { /* a program has no packets */
		refusal.reason = VMITAP_REFUSED_FILTER;
		refusal.detail = EOPNOTSUPP;
		return refusal;
	}
	if (request->fetch_count)
		payload += sizeof(uint64_t);
	for (uint32_t i = 0; i < request->fetch_count; i++) {
		if (!valid(&fetches[i], site->args_size)) {
			refusal.reason = VMITAP_REFUSED_MESSAGE;
			return refusal;
		}
		payload += fetches[i].size;
	}
	if (payload > payload_max) {
		refusal.reason = VMITAP_REFUSED_SIZE;
		refusal.detail = payload_max;
		return refusal;
	}
	plan = retired.count < RETIRED_MAX ?
		       calloc(1, sizeof(*plan) + request->fetch_count * sizeof(plan->fetches[0])) :
		       NULL;
	if (!plan) {
		refusal.reason = VMITAP_REFUSED_MEMORY;
		refusal.detail = retired.count < RETIRED_MAX ? ENOMEM : EAGAIN;
		return refusal;
	}
	plan->trigger = site->id;
	plan->flags = request->flags;
	plan->sync_timeout_us = request->sync_timeout_us;
	plan->payload_size = (uint32_t)payload;
	plan->fetch_count = request->fetch_count;
	memcpy(plan->fetches, fetches, request->fetch_count * sizeof(plan->fetches[0]));
	for (uint32_t i = 0; i < plan->fetch_count; i++)
		if (is_direct(site, &plan->fetches[i]))
			plan->direct |= (uint64_t)1 << i;

	old = site->plan;
	vmitap_store_relaxed(&site->sample, request->sample);
	vmitap_store_relaxed(&site->passed, 0);
	vmitap_store_release(&site->plan, plan); /* pairs with vmitap_fire() in fire.c */
	vmitap_store_release(&site->armed, 1);
	retire(old);
	return refusal;
}

void vmitap_plan_remove(struct vmitap_trigger_site *site)
{
	struct vmitap_plan *old = site->plan;

	vmitap_store_relaxed(&site->armed, 0);
	vmitap_store_release(&site->plan, NULL);
	retire(old);
}

void vmitap_plan_remove_all(void)
{
	struct vmitap_trigger_site *site = NULL;

	while ((site = vmitap_registry_next(site)))
		vmitap_plan_remove(site);
}

static void free_plans(struct vmitap_plan **plans)
{
	while (*plans) {
		struct vmitap_plan *plan = *plans;

		*plans = plan->next_retired;
		free(plan);
		retired.count--;
	}
}

bool vmitap_plan_reclaim(void)
{
	if (retired.leaving && vmitap_rings_left())
		free_plans(&retired.leaving);
	if (!retired.leaving && retired.fresh) {
		retired.leaving = retired.fresh;
		retired.fresh = NULL;
		vmitap_rings_look();
		if (vmitap_rings_left())
			free_plans(&retired.leaving);
	}
	return retired.leaving || retired.fresh;
}

void vmitap_plan_forked(bool firing)
{
	vmitap_plan_remove_all();
	if (firing) {
		/* What the caller goes on using must stay. */
		retired.fresh = retired.leaving = NULL;
		retired.count = 0;
	}
}
