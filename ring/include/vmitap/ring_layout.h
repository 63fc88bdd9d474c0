/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * How large things are: the slots of a record, the regions of so many rings.
 */
#ifndef VMITAP_RING_LAYOUT_H
#define VMITAP_RING_LAYOUT_H

#include "vmitap/ring_abi.h"

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

/* Slots that a record of so many payload bytes takes, 0 if no record can be so large. */
static inline vmitap_u32 vmitap_record_slots(vmitap_u32 payload_size)
{
	if (payload_size <= VMITAP_FIRST_PAYLOAD)
		return 1;
	if (payload_size > VMITAP_RECORD_PAYLOAD_MAX)
		return 0;
	return 1 + (payload_size - VMITAP_FIRST_PAYLOAD + VMITAP_NEXT_PAYLOAD - 1) / VMITAP_NEXT_PAYLOAD;
}

static inline vmitap_u32 vmitap_record_slots_max(vmitap_u32 slots_per_ring)
{
	const vmitap_u32 quarter = slots_per_ring / 4;

	return quarter < VMITAP_RECORD_SLOTS_MAX ? quarter : VMITAP_RECORD_SLOTS_MAX;
}

/* The largest payload that a ring of so many slots takes, in bytes. */
static inline vmitap_u32 vmitap_payload_max(vmitap_u32 slots_per_ring)
{
	return VMITAP_FIRST_PAYLOAD + (vmitap_record_slots_max(slots_per_ring) - 1) * VMITAP_NEXT_PAYLOAD;
}

static inline vmitap_u64 vmitap_page_align(vmitap_u64 size)
{
	return (size + VMITAP_PAGE_SIZE - 1) & ~VMITAP_CAST(vmitap_u64, VMITAP_PAGE_SIZE - 1);
}

/*
 * Fills the header of a guest region of ring_count rings (1 to VMITAP_RING_COUNT_MAX) of slots_per_ring
 * slots (a power of two in the ABI's range): each array on pages of its own, one behind the other.
 * The region, header->region_size bytes of zeroes but for the header, must be page aligned.
 */
static inline void vmitap_guest_layout(struct vmitap_guest_header *header, vmitap_u32 ring_count,
				       vmitap_u32 slots_per_ring, enum vmitap_clock clock)
{
	const vmitap_u64 words = (ring_count + 63) / 64;
	const vmitap_u64 slots = VMITAP_CAST(vmitap_u64, ring_count) * slots_per_ring;

	memset(header, 0, sizeof(*header));
	header->magic = VMITAP_RING_MAGIC;
	header->abi_version = VMITAP_RING_ABI_VERSION;
	header->ring_count = ring_count;
	header->slots_per_ring = slots_per_ring;
	header->clock = VMITAP_CAST(vmitap_u32, clock);
	header->states_offset = VMITAP_PAGE_SIZE;
	header->active_offset =
		vmitap_page_align(header->states_offset + ring_count * sizeof(struct vmitap_ring_state));
	header->slots_offset = vmitap_page_align(header->active_offset + words * sizeof(vmitap_u64));
	header->region_size = vmitap_page_align(header->slots_offset + slots * VMITAP_SLOT_SIZE);
}

/* Bytes of the host region that belongs to so many rings. */
static inline vmitap_u64 vmitap_host_region_size(vmitap_u32 ring_count)
{
	return VMITAP_PAGE_SIZE + vmitap_page_align(ring_count * sizeof(struct vmitap_ring_control));
}

#endif /* VMITAP_RING_LAYOUT_H */
