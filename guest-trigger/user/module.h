/* SPDX-License-Identifier: MIT */
/* The ELF objects of this process that hold sites. All under the state lock. */
#ifndef VMITAP_MODULE_H
#define VMITAP_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmitap/control_abi.h"

#define VMITAP_MODULE_SEGMENTS_MAX 16

struct vmitap_module_entry {
	struct vmitap_module_entry *next;
	bool is_program; /* never unloaded */
	struct vmitap_module wire;
	char *path;
	unsigned segment_count;
	struct {
		uint64_t start, end;
	} segments[VMITAP_MODULE_SEGMENTS_MAX]; /* readable ones */
};

/* The object that holds the address, as a new entry, the caller's; NULL if there is none or no memory. */
struct vmitap_module_entry *vmitap_module_read(uint64_t address);
void vmitap_module_free(struct vmitap_module_entry *module);

static inline bool vmitap_module_holds(const struct vmitap_module_entry *module, uint64_t address)
{
	return address >= module->wire.start && address < module->wire.end;
}

/* Whether all of [address, address + size) can be read for as long as the object stays loaded. */
bool vmitap_module_readable(const struct vmitap_module_entry *module, uint64_t address, uint64_t size);

#endif /* VMITAP_MODULE_H */
