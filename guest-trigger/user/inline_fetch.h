/* SPDX-License-Identifier: MIT */
/* INLINE: the guest itself copies values into the record (vmitap_fetch in control_abi.h). */
#ifndef VMITAP_INLINE_FETCH_H
#define VMITAP_INLINE_FETCH_H

#include "channel.h"
#include "plan.h"

/*
 * Appends which fetches succeeded and all their values. Pointers may be wild: what cannot be read is
 * zeroes. Async-signal-safe; about 1.5 KiB of stack.
 */
void vmitap_inline_fetch(const struct vmitap_channel *channel, const struct vmitap_plan *plan, const void *args,
			 struct vmitap_record *record);

#endif /* VMITAP_INLINE_FETCH_H */
