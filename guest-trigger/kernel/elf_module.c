// SPDX-License-Identifier: GPL-2.0
#include "elf_module.h"

#include <linux/elf.h>
#include <linux/string.h>

#ifndef NT_GNU_BUILD_ID
#define NT_GNU_BUILD_ID 3
#endif

/*
 * The kernel keeps a module's section headers for itself, and the build id only where it is configured to print it
 * (CONFIG_STACKTRACE_BUILD_ID). But the note stands in the module's read-only data, behind its code.
 */
static const Elf64_Nhdr *find_build_id(const struct module *module)
{
	const char *at = (const char *)module->core_layout.base + ALIGN(module->core_layout.text_size, 4);
	const char *end = (const char *)module->core_layout.base + module->core_layout.ro_size;

	for (; at + sizeof(Elf64_Nhdr) + sizeof("GNU") <= end; at += 4) {
		const Elf64_Nhdr *note = (const void *)at;

		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == sizeof("GNU") &&
		    note->n_descsz > 0 && note->n_descsz <= VMITAP_BUILD_ID_MAX &&
		    !memcmp(note + 1, "GNU", sizeof("GNU")) &&
		    note->n_descsz <= end - at - sizeof(*note) - sizeof("GNU"))
			return note;
	}
	return NULL;
}

void vmitap_elf_module_describe(const struct module *module, struct vmitap_module *wire)
{
	const Elf64_Nhdr *note = find_build_id(module);

	wire->start = (uintptr_t)module->core_layout.base;
	wire->end = wire->start + module->core_layout.size;
	if (note) {
		wire->build_id_size = note->n_descsz;
		memcpy(wire->build_id, (const char *)(note + 1) + sizeof("GNU"), note->n_descsz);
	}
}
