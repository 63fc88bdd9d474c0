/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an armed trigger does when it fires. A plan never changes; a new one replaces it under RCU.
 * Under vmitap_lock, but for reading site->plan (fire.c).
 */
#ifndef VMITAP_PLAN_H
#define VMITAP_PLAN_H

#include <linux/rcupdate.h>

#include "vmitap/control_abi.h"
#include "vmitap/site.h"

/* Nobody waits longer than this for the host, with preemption off, whatever it asks for: well below what the
 * kernel takes for a lockup. */
#define VMITAP_SYNC_TIMEOUT_MAX_US 1000000u

struct bpf_prog;

struct vmitap_plan {
	struct rcu_head rcu;
	u32 trigger; /* its id */
	u32 flags;   /* VMITAP_ARM_* */
	u32 sample;
	u32 sync_timeout_us;
	u32 args_size;
	u32 payload_size; /* arguments and inline values, bytes */
	u32 slots;	  /* that a record takes */
	u32 fetch_count;
	struct bpf_prog *filter; /* NULL: every packet passes */
	struct vmitap_fetch fetches[];
};

/* Checks the request and arms the trigger with it, for rings of so many slots. A refusal with reason 0 is none. */
struct vmitap_refused vmitap_plan_install(struct vmitap_kernel_site *site, const struct vmitap_arm *request,
					  const struct vmitap_fetch *fetches,
					  const struct vmitap_filter_step *filter, u32 slots);
void vmitap_plan_remove(struct vmitap_kernel_site *site);
/* The same for the site of a module that goes: its code runs no more, and is not patched. */
void vmitap_plan_abandon(struct vmitap_kernel_site *site);
/* Waits for what is left of plans that were replaced: before the module goes. */
void vmitap_plans_drain(void);

#endif /* VMITAP_PLAN_H */
