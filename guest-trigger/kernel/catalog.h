/* SPDX-License-Identifier: GPL-2.0 */
/* The list of modules and sites that the host reads (xen_abi.h). The host is to be notified afterwards. */
#ifndef VMITAP_CATALOG_H
#define VMITAP_CATALOG_H

#include "channel.h"

/* Writes it anew from the registry. Under vmitap_lock. */
void vmitap_catalog_write(struct vmitap_channel *channel);
/* The same from a program's memory. One caller at a time. E2BIG, EFAULT: then it is empty. */
int vmitap_catalog_copy(struct vmitap_channel *channel, const void __user *from, u64 size);

#endif /* VMITAP_CATALOG_H */
