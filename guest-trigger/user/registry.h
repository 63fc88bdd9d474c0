/* SPDX-License-Identifier: MIT */
/* The sites of this process: which triggers and marks there are, in which objects. Under the state lock. */
#ifndef VMITAP_REGISTRY_H
#define VMITAP_REGISTRY_H

#include <stdint.h>

#include "module.h"
#include "outbox.h"
#include "vmitap/site.h"

/* Changes with every object that comes or goes. */
uint64_t vmitap_registry_generation(void);

/* The answer to VMITAP_LIST. */
void vmitap_registry_list(struct vmitap_outbox *outbox);

/* NULL if there is none with this id. */
struct vmitap_trigger_site *vmitap_registry_trigger(uint32_t id);
/* Walks all triggers: the first for NULL, NULL after the last. */
struct vmitap_trigger_site *vmitap_registry_next(const struct vmitap_trigger_site *site);
const struct vmitap_module_entry *vmitap_registry_program(void);

#endif /* VMITAP_REGISTRY_H */
