/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sites of all loaded modules: which triggers and marks there are. They come and go with their modules.
 * Under vmitap_lock, but for start and stop.
 */
#ifndef VMITAP_REGISTRY_H
#define VMITAP_REGISTRY_H

#include <linux/list.h>

#include "vmitap/control_abi.h"
#include "vmitap/site.h"

/* A module that holds sites. */
struct vmitap_origin {
	struct list_head list;
	struct list_head sites;
	const struct module *module;
	struct vmitap_module wire;
};

extern struct list_head vmitap_origins;

static inline bool vmitap_is_trigger(const struct vmitap_kernel_site *site)
{
	return site->kind == VMITAP_KERNEL_TRIGGER || site->kind == VMITAP_KERNEL_PACKET_TRIGGER;
}

#define vmitap_for_each_site(origin, site)                     \
	list_for_each_entry(origin, &vmitap_origins, list)     \
		list_for_each_entry(site, &origin->sites, list)

/* Finds what is there and hears of what comes. 0 or a negative errno. */
int vmitap_registry_start(void);
void vmitap_registry_stop(void);

/* NULL if there is none with this id. */
struct vmitap_kernel_site *vmitap_registry_trigger(u32 id);
void vmitap_registry_disarm_all(void);

#endif /* VMITAP_REGISTRY_H */
