// SPDX-License-Identifier: GPL-2.0
#include "inline_fetch.h"

#include <linux/string.h>
#include <linux/uaccess.h>

#include "packet.h"

/* Never an address that can be read: the way ends here, too. */
#define NOWHERE ((u64)1 << 63)

/* What is not mapped only fails. A user's address is never read. */
static bool copy(void *to, u64 address, size_t size)
{
	return copy_from_kernel_nofault(to, (const void *)address, size) == 0;
}

static u64 resolve(const struct vmitap_fetch *fetch, const void *args)
{
	u64 at = fetch->origin;
	unsigned int hop = 0;

	if (fetch->base == VMITAP_FETCH_ARGUMENT) {
		memcpy(&at, args + fetch->origin, sizeof(at));
		at += fetch->add[hop++];
	}
	for (; hop < fetch->hops; hop++) {
		if (!copy(&at, at, sizeof(at)))
			return NOWHERE;
		at += fetch->add[hop];
	}
	return at + fetch->size < at ? NOWHERE : at; /* nothing lies across the end of all addresses */
}

/* Straight into the slots, piece by piece. */
static bool append(struct vmitap_record *record, u64 address, u32 size)
{
	bool readable = true;

	while (size) {
		const u32 room = vmitap_record_room(record);
		const u32 piece = min(size, room);

		readable = readable && copy(record->cursor, address, piece);
		if (!readable)
			memset(record->cursor, 0, piece);
		vmitap_record_advance(record, piece);
		address += piece;
		size -= piece;
	}
	return readable;
}

void vmitap_inline_fetch(const struct vmitap_plan *plan, const void *args, const struct sk_buff *packet,
			 struct vmitap_record *record)
{
	struct vmitap_record status_at = *record;
	u64 done = 0;
	u32 i;

	vmitap_write(record, &done, sizeof(done));
	for (i = 0; i < plan->fetch_count; i++) {
		const struct vmitap_fetch *fetch = &plan->fetches[i];
		const struct vmitap_record begin = *record;

		if (fetch->base == VMITAP_FETCH_ARGUMENT && !fetch->hops) {
			vmitap_write(record, args + fetch->origin, fetch->size);
			done |= BIT_ULL(i);
		} else if (fetch->base == VMITAP_FETCH_PACKET) {
			vmitap_packet_append(record, packet, fetch->origin, fetch->size);
			done |= BIT_ULL(i);
		} else if (append(record, resolve(fetch, args), fetch->size)) {
			done |= BIT_ULL(i);
		} else {
			/* The beginning may have been readable: a value is whole or zero. */
			*record = begin;
			append(record, NOWHERE, fetch->size);
		}
	}
	vmitap_write(&status_at, &done, sizeof(done));
}
