/* SPDX-License-Identifier: GPL-2.0 */
/* The list of modules and sites that the host reads (xen_abi.h). The host is to be notified afterwards. */
#ifndef VMITAP_CATALOG_H
#define VMITAP_CATALOG_H

#include "channel.h"

/* Writes it anew from the registry. Under vmitap_lock. */
void vmitap_catalog_write(struct vmitap_channel *channel);
/* The same from a program, which fits. One caller at a time. */
void vmitap_catalog_copy(struct vmitap_channel *channel, const void *from, u32 size);

#endif /* VMITAP_CATALOG_H */
