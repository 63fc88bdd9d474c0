/* SPDX-License-Identifier: GPL-2.0 */
/* The list of modules and sites that the host reads (xen_abi.h). Under vmitap_lock. */
#ifndef VMITAP_CATALOG_H
#define VMITAP_CATALOG_H

#include "channel.h"

/* Writes it anew from the registry. The host is to be notified afterwards. */
void vmitap_catalog_write(struct vmitap_channel *channel);

#endif /* VMITAP_CATALOG_H */
