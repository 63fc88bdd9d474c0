/* SPDX-License-Identifier: MIT */
/*
 * What VMITAP_MARK and VMITAP_TRIGGER leave in a program, and what its objects call in the guest
 * library. Not for use by hand: include mark.h or trigger.h.
 *
 * A site is the first member of a descriptor, a static object whose type carries the C types:
 *   trigger:  { vmitap_trigger_site site; struct { T1 arg1; ... } *vmitap_args; char text[]; }
 *   mark:     { vmitap_mark_site site;    T *vmitap_type;                       char text[]; }
 * Both pointers are null for ever: a debugger, or vmitap, reads their types from DWARF. text is the
 * name, a NUL, then each argument as written and a NUL; it stands right behind the pointer.
 */
#ifndef VMITAP_SITE_H
#define VMITAP_SITE_H

#ifdef __KERNEL__
#include "kernel_site.h"
#else
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMITAP_SITE_ABI 1

struct vmitap_plan;
struct vmitap_module_entry;

struct vmitap_trigger_site {
	uint32_t armed; /* not 0: somebody listens. Written by the library only, read relaxed. */
	uint16_t abi;	/* VMITAP_SITE_ABI: the library refuses a layout that it does not know */
	uint16_t arguments;
	uint32_t args_size; /* sizeof the argument struct, 0 without arguments */
	uint32_t text_size;
	uint32_t line;

	/* The library's own, zero at the start. */
	uint32_t id;
	uint32_t sample;
	uint32_t passed;
	struct vmitap_plan *plan;
	struct vmitap_module_entry *module;
	struct vmitap_trigger_site *next;
};

struct vmitap_mark_site {
	uint16_t abi;
	uint16_t reserved;
	uint32_t text_size;
	const volatile void *variable;
	uint64_t size; /* of the variable, bytes */
	uint32_t line;

	/* The library's own, zero at the start. */
	uint32_t id;
	struct vmitap_module_entry *module;
	struct vmitap_mark_site *next;
};

/* Registers what stands at [begin, end); what is known already stays as it is. Any thread. */
void vmitap_register_triggers(struct vmitap_trigger_site *const *begin, struct vmitap_trigger_site *const *end);
void vmitap_register_marks(struct vmitap_mark_site *const *begin, struct vmitap_mark_site *const *end);
/* Forgets every site of the object (executable, shared object) that holds this address. */
void vmitap_unregister(const void *address);

/*
 * Fires an armed trigger; args points at its argument struct. Any thread, also in signal handlers;
 * keeps errno. Waits only in SYNC mode, and no longer than the host's time limit.
 */
void vmitap_fire(struct vmitap_trigger_site *site, const void *args);

#ifdef __cplusplus
}
#endif

#endif /* not __KERNEL__ */

#endif /* VMITAP_SITE_H */
