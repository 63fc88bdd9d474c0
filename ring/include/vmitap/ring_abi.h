/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The wire contract of a vmitap ring: what guest and host both see in shared memory.
 * Prose, invariants and diagrams: ring/FORMAT.md. Compiles as C11, C++20 and kernel C.
 *
 * Two regions, so that each side writes only to pages of its own:
 *   guest region   written by the guest, mapped read-only by the host:
 *                  vmitap_guest_header, vmitap_ring_state[ring_count], active words, slots
 *   host region    written by the host, mapped read-only by the guest where it can be:
 *                  vmitap_host_header, vmitap_ring_control[ring_count]
 * All integers are little-endian. All positions count slots, start at 0 and never wrap (64 bits).
 */
#ifndef VMITAP_RING_ABI_H
#define VMITAP_RING_ABI_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
typedef u8 vmitap_u8;
typedef u16 vmitap_u16;
typedef u32 vmitap_u32;
typedef u64 vmitap_u64;
typedef s64 vmitap_s64;
#else
#include <stddef.h>
#include <stdint.h>
/* NOLINTBEGIN(modernize-use-using): this is C as well. */
typedef uint8_t vmitap_u8;
typedef uint16_t vmitap_u16;
typedef uint32_t vmitap_u32;
typedef uint64_t vmitap_u64;
typedef int64_t vmitap_s64;
/* NOLINTEND(modernize-use-using) */
#endif

#if defined(__cplusplus)
#define VMITAP_ABI_ASSERT(condition) static_assert(condition, #condition)
#define VMITAP_CAST(type, value) static_cast<type>(value)
#else
#define VMITAP_ABI_ASSERT(condition) _Static_assert(condition, #condition)
#define VMITAP_CAST(type, value) ((type)(value))
#endif

#define VMITAP_RING_MAGIC 0x70617469u /* "itap" */
#define VMITAP_RING_ABI_VERSION 1u

#define VMITAP_PAGE_SIZE 4096u
#define VMITAP_SLOT_SIZE 64u
#define VMITAP_SLOTS_PER_RING_MIN 16u
#define VMITAP_SLOTS_PER_RING_MAX 65536u
#define VMITAP_RING_COUNT_MAX 4096u
/* A record never takes more slots than this, nor more than a quarter of its ring. */
#define VMITAP_RECORD_SLOTS_MAX 255u

/* Where vmitap_slot_first.tsc comes from. */
enum vmitap_clock {
	VMITAP_CLOCK_TSC = 1,	     /* raw x86 time stamp counter */
	VMITAP_CLOCK_MONOTONIC = 2,  /* CLOCK_MONOTONIC, ns */
};

/* vmitap_slot_first.flags */
#define VMITAP_RECORD_SYNC 0x01u   /* the producer waits for vmitap_ring_control.sync_answered */
#define VMITAP_RECORD_INLINE 0x02u /* the arguments are followed by inline values (control_abi.h) */

/*
 * The commit word, at offset 0 of each slot: (lap << 1) | continuation.
 * lap = position / slots_per_ring + 1, modulo 2^31, so that neither fresh (zero) memory nor a slot
 * of an earlier lap ever looks committed. The first slot of a record is stored last, with release;
 * the host's acquire of it therefore covers the whole record.
 */
#define VMITAP_COMMIT_CONTINUATION 1u
#define VMITAP_COMMIT_LAP_MASK 0x7fffffffu

#define VMITAP_FIRST_PAYLOAD 40u
#define VMITAP_NEXT_PAYLOAD 60u

struct vmitap_slot_first {
	vmitap_u32 commit;
	vmitap_u16 size;    /* payload bytes in the whole record */
	vmitap_u8 slots;    /* slots in the record, 1 to VMITAP_RECORD_SLOTS_MAX */
	vmitap_u8 flags;    /* VMITAP_RECORD_* */
	vmitap_u64 tsc;     /* vmitap_guest_header.clock ticks at the trigger */
	vmitap_u32 trigger; /* id of the trigger, given by the guest (control_abi.h) */
	vmitap_u32 lost;    /* records dropped on this ring since the one before, saturating */
	vmitap_u8 payload[VMITAP_FIRST_PAYLOAD];
};

struct vmitap_slot_next {
	vmitap_u32 commit;
	vmitap_u8 payload[VMITAP_NEXT_PAYLOAD];
};

#define VMITAP_RECORD_PAYLOAD_MAX \
	(VMITAP_FIRST_PAYLOAD + (VMITAP_RECORD_SLOTS_MAX - 1u) * VMITAP_NEXT_PAYLOAD)

/* Page 0 of the guest region. Constant after the ring was offered. Offsets are in bytes from the
 * start of the guest region and page aligned. */
struct vmitap_guest_header {
	vmitap_u32 magic;
	vmitap_u32 abi_version;
	vmitap_u32 ring_count;
	vmitap_u32 slots_per_ring; /* a power of two */
	vmitap_u32 clock;	   /* enum vmitap_clock */
	vmitap_u32 reserved;
	vmitap_u64 region_size;
	vmitap_u64 states_offset; /* vmitap_ring_state[ring_count] */
	vmitap_u64 active_offset; /* vmitap_u64[(ring_count + 63) / 64] */
	vmitap_u64 slots_offset;  /* vmitap_slot[ring_count][slots_per_ring] */
	/* Triggers that fired when no ring was free for their thread. Grows only. */
	vmitap_u64 ringless_drops;
};

/*
 * Sync tickets: the ticket of a SYNC record is the position of its first slot, plus 1. It is answered
 * once sync_answered >= ticket, and given up once sync_abandoned >= ticket.
 */

/*
 * One per ring, written by its producer only. Two cache lines: the first changes with each record and
 * the host does not look at it while records flow, the second changes rarely.
 */
struct vmitap_ring_state {
	vmitap_u64 head;  /* next position to reserve */
	vmitap_u64 drops; /* records dropped as the ring was full or they were too large; grows only */
	vmitap_u8 reserved0[48];
	vmitap_u64 sync_abandoned; /* highest sync ticket that the producer gave up waiting for */
	vmitap_u64 sync_timeouts;  /* how often it did */
	vmitap_u32 sync_parked;	   /* 1: the producer sleeps until sync_answered changes and must be woken */
	vmitap_u32 owner;	   /* who wrote what stands in the ring: thread id, or vCPU plus 1; 0: none yet */
	vmitap_u8 reserved1[40];
};

/*
 * Active words: bit r of word r/64 belongs to ring r. While it differs from the lowest bit of the
 * ring's vmitap_ring_control.armed, the ring is armed: the host does not look at it. The producer's
 * first commit after that makes them equal, which wakes the ring. The host so finds the rings that
 * woke by comparing words, without looking at any idle ring.
 */

/* Page 0 of the host region. */
struct vmitap_host_header {
	vmitap_u32 magic;
	vmitap_u32 abi_version;
	vmitap_u32 sleeping; /* 1: the host wants a notification when a ring wakes */
	vmitap_u8 present;   /* Xen: 1 while a host is attached; cleared for it if it dies (xen_abi.h) */
	vmitap_u8 reserved[3];
};

/*
 * One per ring, from offset VMITAP_PAGE_SIZE of the host region on. Two cache lines, as the producer
 * reads armed at each record and must not miss whenever the host publishes its tail.
 */
struct vmitap_ring_control {
	vmitap_u64 tail; /* next position the host will read; slots below it are free */
	vmitap_u8 reserved0[56];
	vmitap_u64 sync_answered; /* highest sync ticket answered; locally its low half is a futex */
	vmitap_u32 armed;	  /* takes a new value when the host stops looking at this ring */
	vmitap_u8 reserved1[52];
};

VMITAP_ABI_ASSERT(sizeof(struct vmitap_slot_first) == VMITAP_SLOT_SIZE);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_slot_next) == VMITAP_SLOT_SIZE);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_first, commit) == 0);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_first, size) == 4);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_first, slots) == 6);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_first, flags) == 7);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_first, tsc) == 8);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_first, trigger) == 16);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_first, lost) == 20);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_first, payload) == 24);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_slot_next, payload) == 4);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_guest_header) == 64);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_guest_header, region_size) == 24);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_guest_header, ringless_drops) == 56);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_ring_state) == 128);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_ring_state, drops) == 8);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_ring_state, sync_abandoned) == 64);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_ring_state, sync_timeouts) == 72);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_ring_state, sync_parked) == 80);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_ring_state, owner) == 84);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_host_header) == 16);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_host_header, sleeping) == 8);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_host_header, present) == 12);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_ring_control) == 128);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_ring_control, sync_answered) == 64);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_ring_control, armed) == 72);

#endif /* VMITAP_RING_ABI_H */
