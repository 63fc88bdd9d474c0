/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The guest's side of a ring: reserve, write, commit. C11, C++20 and kernel C.
 *
 *	struct vmitap_record record;
 *	if (vmitap_reserve(producer, &record, size)) {
 *		vmitap_write(&record, bytes, size);	any number of pieces, size bytes in all
 *		if (vmitap_commit(&record, trigger, flags, ticks))
 *			notify the host
 *	}
 *
 * Thread rule: one thread or CPU at a time produces on a ring (vmitap_producer_claim). Signal handlers
 * and NMIs that interrupt it at any point may produce on the same ring; they must return (a handler
 * that leaves with longjmp from within somebody's reserve and commit blocks the ring at that record).
 * Nothing here blocks, allocates or calls the system.
 */
#ifndef VMITAP_RING_PRODUCER_H
#define VMITAP_RING_PRODUCER_H

#include "vmitap/barrier.h"
#include "vmitap/ring_abi.h"
#include "vmitap/ring_layout.h"

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

/* Tests let a signal handler or the host come in at each step by defining this. */
#ifndef VMITAP_RING_STEP
#define VMITAP_RING_STEP(step) ((void)0)
#endif

union vmitap_slot {
	struct vmitap_slot_first first;
	struct vmitap_slot_next next;
};

/*
 * One per ring, in memory of the guest's own, for as long as the regions live: a thread that claims a
 * ring goes on with what its last producer left. All members are private.
 */
struct vmitap_producer {
	struct vmitap_ring_state *state;
	struct vmitap_ring_control *control;
	const struct vmitap_host_header *host;
	union vmitap_slot *slots;
	vmitap_u64 *active; /* the word with this ring's active bit */
	vmitap_u32 active_bit;
	vmitap_u32 slots_per_ring;
	vmitap_u32 lap_shift; /* log2 of slots_per_ring */
	vmitap_u32 record_slots_max;
	vmitap_u64 tail;       /* control->tail as last looked at */
	vmitap_u64 lost;       /* drops not yet told in a record */
	vmitap_u32 armed_seen; /* control->armed that was last answered with a wake */
	vmitap_u32 owner;      /* who holds the ring, 0 if nobody */
	vmitap_u32 open;       /* records between reserve and commit: more than 1 when nested */
	vmitap_u32 waits_in_vain; /* in a row (ring_sync.h) */
};

/* A reserved record that is being written; on the writer's stack. Members are private. */
struct vmitap_record {
	struct vmitap_producer *producer;
	vmitap_u64 position; /* of its first slot */
	struct vmitap_slot_first *first;
	vmitap_u64 slot;     /* of the slot being written */
	vmitap_u8 *cursor;   /* where the next payload byte goes */
	vmitap_u32 room;     /* payload bytes left in that slot */
	vmitap_u32 left;     /* payload bytes left in the record */
	vmitap_u32 lost;
	vmitap_u32 outer; /* records that were open when this one was reserved */
	vmitap_u16 size;
	vmitap_u8 slots;
};

/*
 * Ring `ring` of a laid out guest region and its host region, both mapped where given. The header is
 * taken as the guest's own words: not from a host that could have changed it.
 */
static inline void vmitap_producer_init(struct vmitap_producer *producer,
					const struct vmitap_guest_header *header, void *guest_region,
					void *host_region, vmitap_u32 ring)
{
	vmitap_u8 *const guest = VMITAP_CAST(vmitap_u8 *, guest_region);
	vmitap_u8 *const host = VMITAP_CAST(vmitap_u8 *, host_region);
	void *const states = guest + header->states_offset;
	void *const words = guest + header->active_offset;
	void *const slots = guest + header->slots_offset;
	void *const controls = host + VMITAP_PAGE_SIZE;
	vmitap_u32 shift = 0;

	while ((1u << shift) < header->slots_per_ring)
		shift++;
	memset(producer, 0, sizeof(*producer));
	producer->state = VMITAP_CAST(struct vmitap_ring_state *, states) + ring;
	producer->control = VMITAP_CAST(struct vmitap_ring_control *, controls) + ring;
	producer->host = VMITAP_CAST(const struct vmitap_host_header *, host_region);
	producer->slots = VMITAP_CAST(union vmitap_slot *, slots) +
			  VMITAP_CAST(vmitap_u64, ring) * header->slots_per_ring;
	producer->active = VMITAP_CAST(vmitap_u64 *, words) + ring / 64;
	producer->active_bit = ring % 64;
	producer->slots_per_ring = header->slots_per_ring;
	producer->lap_shift = shift;
	producer->record_slots_max = vmitap_record_slots_max(header->slots_per_ring);
	producer->tail = vmitap_load_acquire(&producer->control->tail);
	/* Differs from any value that armed takes soon: waking a ring that is awake does no harm. */
	producer->armed_seen = vmitap_load_relaxed(&producer->control->armed) - 1;
}

/*
 * Takes a free ring for the calling thread or CPU; owner is its id, not 0. Refused while the host has
 * not read all that the last owner wrote, so that every record's owner is certain.
 * The acquire takes over the producer's members from vmitap_producer_release.
 */
static inline bool vmitap_producer_claim(struct vmitap_producer *producer, vmitap_u32 owner)
{
	struct vmitap_ring_state *const state = producer->state;

	if (vmitap_load_relaxed(&producer->owner) != 0 || !vmitap_cmpxchg_acquire(&producer->owner, 0, owner))
		return false;
	/* Acquire: with Consumer::publish in ring_consumer.hpp, which comes after the owner was read. */
	if (vmitap_load_acquire(&producer->control->tail) != vmitap_load_relaxed(&state->head)) {
		vmitap_store_release(&producer->owner, 0u);
		return false;
	}
	vmitap_store_relaxed(&state->owner, owner);
	producer->open = 0;
	return true;
}

/* Who holds the ring, 0 if nobody. (vmitap_ring_state.owner stays, for the records that he left.) */
static inline vmitap_u32 vmitap_producer_owner(const struct vmitap_producer *producer)
{
	return vmitap_load_relaxed(&producer->owner);
}

static inline void vmitap_producer_release(struct vmitap_producer *producer)
{
	vmitap_store_release(&producer->owner, 0u);
}

static inline void vmitap_local_add(vmitap_u64 *counter, vmitap_u64 amount)
{
	vmitap_u64 was = vmitap_load_relaxed(counter);

	VMITAP_RING_STEP(VMITAP_STEP_COUNTER_LOADED);
	while (!vmitap_local_cmpxchg(counter, &was, was + amount))
		;
}

static inline void vmitap_drop(struct vmitap_producer *producer)
{
	vmitap_local_add(&producer->lost, 1);
	vmitap_local_add(&producer->state->drops, 1);
}

/* What vmitap_slot_first.lost of the next record says; the rest, if it saturates, is left for later. */
static inline vmitap_u32 vmitap_take_lost(struct vmitap_producer *producer)
{
	vmitap_u64 lost = vmitap_load_relaxed(&producer->lost);
	vmitap_u64 taken;

	if (lost == 0)
		return 0;
	do {
		VMITAP_RING_STEP(VMITAP_STEP_LOST_LOADED);
		taken = lost < 0xffffffffu ? lost : 0xffffffffu;
	} while (!vmitap_local_cmpxchg(&producer->lost, &lost, lost - taken));
	return VMITAP_CAST(vmitap_u32, taken);
}

static inline vmitap_u32 vmitap_commit_word(const struct vmitap_producer *producer, vmitap_u64 position)
{
	return VMITAP_CAST(vmitap_u32, ((position >> producer->lap_shift) + 1) << 1);
}

static inline union vmitap_slot *vmitap_slot_at(const struct vmitap_producer *producer, vmitap_u64 position)
{
	return producer->slots + (position & (producer->slots_per_ring - 1));
}

/* Moves head; false if there is no room for so many slots. */
static inline bool vmitap_take_slots(struct vmitap_producer *producer, vmitap_u32 slots, vmitap_u64 *position)
{
	const vmitap_u64 limit = producer->slots_per_ring;
	vmitap_u64 head = vmitap_load_relaxed(&producer->state->head);

	for (;;) {
		VMITAP_RING_STEP(VMITAP_STEP_HEAD_LOADED);
		if (head + slots - vmitap_load_relaxed(&producer->tail) > limit) {
			/* Acquire: with the release in Consumer::publish (ring_consumer.hpp); the host
			 * has copied what stood in the slots below tail. */
			const vmitap_u64 tail = vmitap_load_acquire(&producer->control->tail);

			VMITAP_RING_STEP(VMITAP_STEP_TAIL_LOADED);
			vmitap_store_relaxed(&producer->tail, tail);
			if (head + slots - tail > limit) {
				/* Full, unless an interrupt has moved head (and the host tail past it). */
				const vmitap_u64 now = vmitap_load_relaxed(&producer->state->head);

				if (now == head)
					return false;
				head = now;
				continue;
			}
		}
		if (vmitap_local_cmpxchg(&producer->state->head, &head, head + slots)) {
			*position = head;
			return true;
		}
	}
}

/* As vmitap_reserve(), by one who knows the record's slots already: vmitap_record_slots(payload_size). */
static inline bool vmitap_reserve_slots(struct vmitap_producer *producer, struct vmitap_record *record,
					vmitap_u32 payload_size, vmitap_u32 slots)
{
	/* Before head moves: an interrupt in between must know that it is nested. */
	record->outer = vmitap_load_relaxed(&producer->open);
	vmitap_store_relaxed(&producer->open, record->outer + 1);
	vmitap_compiler_fence();
	if (slots == 0 || slots > producer->record_slots_max ||
	    !vmitap_take_slots(producer, slots, &record->position)) {
		vmitap_drop(producer);
		vmitap_compiler_fence();
		vmitap_store_relaxed(&producer->open, record->outer);
		return false;
	}
	VMITAP_RING_STEP(VMITAP_STEP_RESERVED);
	record->lost = vmitap_take_lost(producer);
	record->producer = producer;
	record->slot = record->position;
	record->first = &vmitap_slot_at(producer, record->position)->first;
	record->cursor = record->first->payload;
	record->room = VMITAP_FIRST_PAYLOAD;
	record->left = payload_size;
	record->size = VMITAP_CAST(vmitap_u16, payload_size);
	record->slots = VMITAP_CAST(vmitap_u8, slots);
	return true;
}

/*
 * Begins a record of payload_size bytes. False: it was dropped and counted, as the ring is full or the
 * record larger than vmitap_payload_max(). After true, vmitap_commit() or vmitap_publish() must follow.
 */
static inline bool vmitap_reserve(struct vmitap_producer *producer, struct vmitap_record *record,
				  vmitap_u32 payload_size)
{
	return vmitap_reserve_slots(producer, record, payload_size, vmitap_record_slots(payload_size));
}

static inline void vmitap_record_enter_next(struct vmitap_record *record)
{
	union vmitap_slot *const slot = vmitap_slot_at(record->producer, ++record->slot);

	vmitap_store_relaxed(&slot->next.commit,
			     vmitap_commit_word(record->producer, record->slot) | VMITAP_COMMIT_CONTINUATION);
	record->cursor = slot->next.payload;
	record->room = VMITAP_NEXT_PAYLOAD;
}

/* Room for payload in the slot being written: enters the next slot if this one is full. */
static inline vmitap_u32 vmitap_record_room(struct vmitap_record *record)
{
	if (record->room == 0)
		vmitap_record_enter_next(record);
	return record->room;
}

static inline void vmitap_record_advance(struct vmitap_record *record, vmitap_u32 size)
{
	record->cursor += size;
	record->room -= size;
	record->left -= size;
}

/*
 * Pieces of payload are short: a call of memcpy, or the kernel's string instruction, takes longer to begin than these take
 * to copy. What fills a slot is moves in a row, as its size is constant. The last move of others may overlap the one before.
 */
static inline void vmitap_copy(vmitap_u8 *to, const vmitap_u8 *from, vmitap_u32 size)
{
	vmitap_u32 at;

	if (size == VMITAP_FIRST_PAYLOAD) {
		__builtin_memcpy(to, from, VMITAP_FIRST_PAYLOAD);
		return;
	}
	if (size == VMITAP_NEXT_PAYLOAD) {
		__builtin_memcpy(to, from, VMITAP_NEXT_PAYLOAD);
		return;
	}
	if (size >= 8) {
		for (at = 0; at < size - 8; at += 8) {
			__builtin_memcpy(to + at, from + at, 8);
			vmitap_compiler_fence(); /* or the compiler makes a call of it after all */
		}
		__builtin_memcpy(to + size - 8, from + size - 8, 8);
		return;
	}
	if (size & 4) {
		__builtin_memcpy(to, from, 4);
		to += 4;
		from += 4;
	}
	if (size & 2) {
		__builtin_memcpy(to, from, 2);
		to += 2;
		from += 2;
	}
	if (size & 1)
		*to = *from;
}

/* Appends payload. What exceeds the reserved size is ignored. */
static inline void vmitap_write(struct vmitap_record *record, const void *bytes, vmitap_u32 size)
{
	const vmitap_u8 *from = VMITAP_CAST(const vmitap_u8 *, bytes);

	if (size > record->left)
		size = record->left;
	record->left -= size;
	for (; size > record->room; vmitap_record_enter_next(record)) {
		vmitap_copy(record->cursor, from, record->room);
		from += record->room;
		size -= record->room;
	}
	vmitap_copy(record->cursor, from, size);
	record->cursor += size;
	record->room -= size;
}

/* Payload that was reserved but not written is zero. */
static inline void vmitap_record_fill(struct vmitap_record *record)
{
	while (record->left > 0) {
		const vmitap_u32 room = vmitap_record_room(record);
		const vmitap_u32 piece = record->left < room ? record->left : room;

		memset(record->cursor, 0, piece);
		vmitap_record_advance(record, piece);
	}
}

/*
 * Ends the record: the host can read it. ticks are of the clock named in the guest header.
 * Somebody must call vmitap_announce() soon, once for several records if he likes.
 */
static inline void vmitap_publish(struct vmitap_record *record, vmitap_u32 trigger, vmitap_u8 flags,
				  vmitap_u64 ticks)
{
	struct vmitap_producer *const producer = record->producer;
	struct vmitap_slot_first *const slot = record->first;

	vmitap_record_fill(record);
	slot->size = record->size;
	slot->slots = record->slots;
	slot->flags = flags;
	slot->tsc = ticks;
	slot->trigger = trigger;
	slot->lost = record->lost;
	VMITAP_RING_STEP(VMITAP_STEP_WRITTEN);
	/* Release: with the acquire in Consumer::committed (ring_consumer.hpp). */
	vmitap_store_release(&slot->commit, vmitap_commit_word(producer, record->position));
	vmitap_compiler_fence();
	vmitap_store_relaxed(&producer->open, record->outer);
	VMITAP_RING_STEP(VMITAP_STEP_PUBLISHED);
}

/* The ring is armed: make its active bit equal to armed's lowest. */
static inline bool vmitap_wake_ring(struct vmitap_producer *producer, vmitap_u32 armed)
{
	vmitap_u32 answered;

	/* Again if armed has moved: an interrupt may have answered a later one before we set the bit. */
	do {
		VMITAP_RING_STEP(VMITAP_STEP_ARMED_LOADED);
		answered = armed;
		if (answered & 1)
			vmitap_set_bit(producer->active, producer->active_bit);
		else
			vmitap_clear_bit(producer->active, producer->active_bit);
		VMITAP_RING_STEP(VMITAP_STEP_BIT_SET);
		vmitap_store_relaxed(&producer->armed_seen, answered);
		armed = vmitap_load_relaxed(&producer->control->armed);
	} while (armed != answered);
	VMITAP_RING_STEP(VMITAP_STEP_AWAKE);
	/* After the full fence of vmitap_set_bit; with Consumer::prepare_sleep, a fence and
	 * Consumer::pending (ring_consumer.hpp): either we see sleeping, or the host sees the bit. */
	return vmitap_load_relaxed(&producer->host->sleeping) != 0;
}

/*
 * Wakes the ring if the host does not look at it any more. True: the host sleeps and must be notified.
 * Published records must be seen by the host before `armed` is read here: either the host's own fence
 * sees to that (membarrier, locally), or `fenced` asks for a full fence. FORMAT.md has the argument.
 */
static inline bool vmitap_announce(struct vmitap_producer *producer, bool fenced)
{
	vmitap_u32 armed;

	if (fenced)
		vmitap_fence();
	else
		vmitap_compiler_fence();
	armed = vmitap_load_relaxed(&producer->control->armed);
	if (__builtin_expect(armed == vmitap_load_relaxed(&producer->armed_seen), 1))
		return false;
	return vmitap_wake_ring(producer, armed);
}

/* Publish and announce for a host that fences for both. True: the host must be notified. */
static inline bool vmitap_commit(struct vmitap_record *record, vmitap_u32 trigger, vmitap_u8 flags,
				 vmitap_u64 ticks)
{
	vmitap_publish(record, trigger, flags, ticks);
	return vmitap_announce(record->producer, false);
}

#endif /* VMITAP_RING_PRODUCER_H */
