/* SPDX-License-Identifier: MIT */
/*
 * What an armed trigger does when it fires. A plan never changes; a new one replaces it while threads
 * fire, and the old one is freed when none of them can hold it any more. Under the state lock, but
 * for reading site->plan (fire.c).
 */
#ifndef VMITAP_PLAN_H
#define VMITAP_PLAN_H

#include <stdbool.h>

#include "vmitap/control_abi.h"
#include "vmitap/site.h"

struct vmitap_plan {
	struct vmitap_plan *next_retired;
	uint32_t trigger; /* its id */
	uint32_t flags;	  /* VMITAP_ARM_* */
	uint32_t sync_timeout_us;
	uint32_t payload_size; /* arguments and inline values, bytes */
	uint32_t fetch_count;
	uint64_t direct; /* bit i: fetch i can be copied without asking the kernel */
	struct vmitap_fetch fetches[];
};

/* Checks the request and arms the trigger with it. A refusal with reason 0 is none. */
struct vmitap_refused vmitap_plan_install(struct vmitap_trigger_site *site, const struct vmitap_arm *request,
					  const struct vmitap_fetch *fetches);
void vmitap_plan_remove(struct vmitap_trigger_site *site);
void vmitap_plan_remove_all(void);
/* Frees old plans. True: threads may still hold some, call again soon. */
bool vmitap_plan_reclaim(void);

/* In a forked child: disarms everything. firing: the caller may be using a plan. */
void vmitap_plan_forked(bool firing);

#endif /* VMITAP_PLAN_H */
