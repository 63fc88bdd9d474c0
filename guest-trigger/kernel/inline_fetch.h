/* SPDX-License-Identifier: GPL-2.0 */
/* INLINE values: copied into the record by the firing vCPU itself. Any context. */
#ifndef VMITAP_INLINE_FETCH_H
#define VMITAP_INLINE_FETCH_H

#include "plan.h"
#include "vmitap/ring_producer.h"

/* Appends what control_abi.h says follows the arguments: which fetches succeeded, then the values. packet: a packet
 * trigger's, or NULL. */
void vmitap_inline_fetch(const struct vmitap_plan *plan, const void *args, const struct sk_buff *packet,
			 struct vmitap_record *record);

#endif /* VMITAP_INLINE_FETCH_H */
