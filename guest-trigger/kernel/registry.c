// SPDX-License-Identifier: GPL-2.0
#include "registry.h"

#include <linux/export.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include "elf_module.h"
#include "log.h"
#include "plan.h"
#include "state.h"

const char vmitap_sites_3[] = "vmitap";
EXPORT_SYMBOL_GPL(vmitap_sites_3);

LIST_HEAD(vmitap_origins);
static u32 last_id, last_module;

static struct vmitap_kernel_site *site_of(tracepoint_ptr_t *entry)
{
	struct tracepoint *tracepoint = tracepoint_ptr_deref(entry);

	if (tracepoint->name != vmitap_sites_3)
		return NULL; /* somebody's real one */
	return container_of(tracepoint, struct vmitap_kernel_site, tracepoint);
}

/* Takes the sites that it does not know yet: each may have several entries. */
static void collect(struct vmitap_origin *origin, struct module *module)
{
	u64 lowest = U64_MAX;
	unsigned int i;

	for (i = 0; i < module->num_tracepoints; i++) {
		struct vmitap_kernel_site *site = site_of(module->tracepoints_ptrs + i);

		if (!site || site->id)
			continue;
		site->id = ++last_id;
		site->origin = origin;
		list_add_tail(&site->list, &origin->sites);
		lowest = min_t(u64, lowest, (uintptr_t)site);
	}
	/* The first descriptor begins the section (site.h). */
	origin->wire.load_bias = lowest;
}

static bool has_sites(struct module *module)
{
	unsigned int i;

	for (i = 0; i < module->num_tracepoints; i++)
		if (site_of(module->tracepoints_ptrs + i))
			return true;
	return false;
}

static struct vmitap_origin *find(const struct module *module)
{
	struct vmitap_origin *origin;

	list_for_each_entry(origin, &vmitap_origins, list)
		if (origin->module == module)
			return origin;
	return NULL;
}

static void arrive(struct module *module)
{
	struct vmitap_origin *origin;

	if (find(module) || !has_sites(module))
		return;
	origin = kzalloc(sizeof(*origin), GFP_KERNEL);
	if (!origin) {
		vmitap_warn("no memory: triggers and marks of module %s are not seen\n", module->name);
		return;
	}
	INIT_LIST_HEAD(&origin->sites);
	origin->module = module;
	vmitap_elf_module_describe(module, &origin->wire);
	origin->wire.id = ++last_module;
	collect(origin, module);
	list_add_tail(&origin->list, &vmitap_origins);
	vmitap_state_catalog_changed();
}

static void depart(const struct module *module)
{
	struct vmitap_origin *origin = find(module);
	struct vmitap_kernel_site *site, *next;

	if (!origin)
		return;
	/* Its code runs no more, so nobody is in one of its triggers. */
	list_for_each_entry_safe(site, next, &origin->sites, list) {
		vmitap_plan_abandon(site);
		list_del_init(&site->list);
		site->origin = NULL;
		site->id = 0;
	}
	list_del(&origin->list);
	kfree(origin);
	vmitap_state_catalog_changed();
}

static int module_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct tp_module *entry = data;

	mutex_lock(&vmitap_lock);
	if (event == MODULE_STATE_COMING)
		arrive(entry->mod);
	else if (event == MODULE_STATE_GOING)
		depart(entry->mod);
	mutex_unlock(&vmitap_lock);
	return NOTIFY_OK;
}

static struct notifier_block module_events = { .notifier_call = module_event };

int vmitap_registry_start(void)
{
	return register_tracepoint_module_notifier(&module_events);
}

void vmitap_registry_stop(void)
{
	unregister_tracepoint_module_notifier(&module_events);
}

struct vmitap_kernel_site *vmitap_registry_trigger(u32 id)
{
	struct vmitap_origin *origin;
	struct vmitap_kernel_site *site;

	vmitap_for_each_site(origin, site)
		if (site->id == id && vmitap_is_trigger(site))
			return site;
	return NULL;
}

void vmitap_registry_disarm_all(void)
{
	struct vmitap_origin *origin;
	struct vmitap_kernel_site *site;

	vmitap_for_each_site(origin, site)
		if (vmitap_is_trigger(site))
			vmitap_plan_remove(site);
}
