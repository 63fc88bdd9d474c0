/* SPDX-License-Identifier: MIT */
#include "registry.h"

#include <string.h>

#include "agent.h"
#include "plan.h"
#include "state.h"

#define EXPORT __attribute__((visibility("default")))

static struct {
	struct vmitap_trigger_site *triggers;
	struct vmitap_mark_site *marks;
	struct vmitap_module_entry *modules;
	uint32_t last_id, last_module;
	uint64_t generation;
} registry;

/* The text stands behind the site and the pointer that carries the types (site.h). */
static const char *text_behind(const void *site, size_t size)
{
	return (const char *)site + size + sizeof(void *);
}

static struct vmitap_module_entry *module_of(const void *site)
{
	uint64_t address = (uintptr_t)site;
	struct vmitap_module_entry *module = registry.modules;

	while (module && !vmitap_module_holds(module, address))
		module = module->next;
	if (module)
		return module;
	module = vmitap_module_read(address);
	if (!module)
		return NULL;
	module->wire.id = ++registry.last_module;
	module->next = registry.modules;
	registry.modules = module;
	return module;
}

EXPORT void vmitap_register_triggers(struct vmitap_trigger_site *const *begin, struct vmitap_trigger_site *const *end)
{
	sigset_t signals;
	bool news = false;

	vmitap_state_lock(&signals);
	for (; begin < end; begin++) {
		struct vmitap_trigger_site *site = *begin;

		if (site->id || site->abi != VMITAP_SITE_ABI)
			continue;
		site->module = module_of(site);
		if (!site->module)
			continue;
		site->id = ++registry.last_id;
		site->next = registry.triggers;
		registry.triggers = site;
		news = true;
	}
	registry.generation += news;
	vmitap_state_unlock(&signals);
	if (news)
		vmitap_agent_wake();
}

EXPORT void vmitap_register_marks(struct vmitap_mark_site *const *begin, struct vmitap_mark_site *const *end)
{
	sigset_t signals;
	bool news = false;

	vmitap_state_lock(&signals);
	for (; begin < end; begin++) {
		struct vmitap_mark_site *site = *begin;

		if (site->id || site->abi != VMITAP_SITE_ABI)
			continue;
		site->module = module_of(site);
		if (!site->module)
			continue;
		site->id = ++registry.last_id;
		site->next = registry.marks;
		registry.marks = site;
		news = true;
	}
	registry.generation += news;
	vmitap_state_unlock(&signals);
	if (news)
		vmitap_agent_wake();
}

EXPORT void vmitap_unregister(const void *address)
{
	struct vmitap_module_entry **link = &registry.modules, *module;
	struct vmitap_trigger_site **trigger = &registry.triggers;
	struct vmitap_mark_site **mark = &registry.marks;
	sigset_t signals;

	vmitap_state_lock(&signals);
	while (*link && !vmitap_module_holds(*link, (uintptr_t)address))
		link = &(*link)->next;
	module = *link;
	if (module) {
		while (*trigger) {
			struct vmitap_trigger_site *site = *trigger;

			if (site->module != module) {
				trigger = &site->next;
				continue;
			}
			vmitap_plan_remove(site);
			*trigger = site->next;
			site->id = 0;
		}
		while (*mark) {
			struct vmitap_mark_site *site = *mark;

			if (site->module != module) {
				mark = &site->next;
				continue;
			}
			*mark = site->next;
			site->id = 0;
		}
		*link = module->next;
		vmitap_module_free(module);
		registry.generation++;
	}
	vmitap_state_unlock(&signals);
	if (module)
		vmitap_agent_wake();
}

uint64_t vmitap_registry_generation(void)
{
	return registry.generation;
}

void vmitap_registry_list(struct vmitap_outbox *outbox)
{
	for (const struct vmitap_module_entry *module = registry.modules; module; module = module->next)
		vmitap_outbox_put(outbox, VMITAP_MODULE, &module->wire, sizeof(module->wire), module->path,
				  strlen(module->path));
	for (const struct vmitap_trigger_site *site = registry.triggers; site; site = site->next) {
		struct vmitap_site wire = {
			.id = site->id,
			.module = site->module->wire.id,
			.address = (uintptr_t)site,
			.size = site->args_size,
			.line = site->line,
			.arguments = site->arguments,
		};

		/* Its last NUL ends the text, and no argument. */
		vmitap_outbox_put(outbox, VMITAP_TRIGGER_SITE, &wire, sizeof(wire), text_behind(site, sizeof(*site)),
				  site->text_size - (site->arguments > 0));
	}
	for (const struct vmitap_mark_site *site = registry.marks; site; site = site->next) {
		struct vmitap_site wire = {
			.id = site->id,
			.module = site->module->wire.id,
			.address = (uintptr_t)site,
			.variable = (uintptr_t)site->variable,
			.size = site->size,
			.line = site->line,
		};

		vmitap_outbox_put(outbox, VMITAP_MARK_SITE, &wire, sizeof(wire), text_behind(site, sizeof(*site)),
				  site->text_size);
	}
	vmitap_outbox_put(outbox, VMITAP_LISTED, NULL, 0, NULL, 0);
}

struct vmitap_trigger_site *vmitap_registry_trigger(uint32_t id)
{
	struct vmitap_trigger_site *site = registry.triggers;

	while (site && site->id != id)
		site = site->next;
	return site;
}

struct vmitap_trigger_site *vmitap_registry_next(const struct vmitap_trigger_site *site)
{
	return site ? site->next : registry.triggers;
}

const struct vmitap_module_entry *vmitap_registry_program(void)
{
	const struct vmitap_module_entry *module = registry.modules;

	while (module && !module->is_program)
		module = module->next;
	return module;
}
