// SPDX-License-Identifier: GPL-2.0
/* What never ends. */
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>

#include <asm/msr.h>

#include "lies.h"
#include "rings.h"
#include "vmitap/ring_producer.h"

u64 hostile_random(void)
{
	static u64 state;

	/* xorshift64* (Vigna): fast, and no two runs alike. */
	if (!state)
		state = get_random_u64() | 1;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static void scribble_over(const struct vmitap_region *region, unsigned int words)
{
	u64 *at = region->address;

	while (words--) {
		const u64 random = hostile_random();

		/* Small numbers, too: they look more like something. */
		WRITE_ONCE(at[random % (region->count * VMITAP_PAGE_SIZE / sizeof(u64))],
			   random >> 60 ? hostile_random() : random >> 50 & 0xff);
	}
}

void hostile_scribble(struct vmitap_channel *channel)
{
	scribble_over(&channel->guest, 2048);
	scribble_over(&channel->directory_pages, 64);
	scribble_over(&channel->catalog, 512);
	scribble_over(&channel->replies, 16);
	vmitap_channel_notify(channel);
}

/* Records that are well made and say whatever comes: of triggers that there are and that there are not. */
void hostile_forge(struct vmitap_channel *channel)
{
	struct vmitap_rings *rings;
	struct vmitap_producer *producer;
	struct vmitap_record record;
	unsigned int count = 64;
	u64 word;

	preempt_disable();
	rings = rcu_dereference_sched(vmitap_rings_current);
	producer = rings ? &rings->ring[smp_processor_id()].producer : NULL;
	while (producer && count--) {
		const unsigned int words = hostile_random() % 16;
		unsigned int i;

		if (!vmitap_reserve(producer, &record, words * sizeof(word)))
			break;
		for (i = 0; i < words; i++) {
			word = hostile_random();
			vmitap_write(&record, &word, sizeof(word));
		}
		record.lost = hostile_random();
		if (vmitap_commit(&record, hostile_random() % 4, hostile_random(), hostile_random()))
			vmitap_channel_notify(channel);
	}
	preempt_enable();
}

void hostile_storm(struct vmitap_channel *channel)
{
	unsigned int count = 1000;

	while (count--)
		vmitap_channel_notify(channel);
}

/* Right at one moment, wrong at the next. */
void hostile_shift_directory(struct vmitap_channel *channel)
{
	struct vmitap_directory *directory = channel->directory;
	const u32 guest_pages = channel->guest.count;
	unsigned int i, count = 20000;

	while (count--) {
		const u64 random = hostile_random();

		WRITE_ONCE(directory->guest_pages, random & 1 ? guest_pages : (u32)(random >> 40));
		WRITE_ONCE(directory->next, random & 2 ? 0 : (u32)(random >> 50));
		i = (random >> 8) % (guest_pages + 8);
		WRITE_ONCE(directory->grefs[i], (u32)(random >> 32) % 2048);
		WRITE_ONCE(directory->magic, random & 4 ? VMITAP_DIRECTORY_MAGIC : 0);
		cpu_relax();
	}
}

/* Says without end that there is something new, and is always in the midst of writing it. */
void hostile_shift_catalog(struct vmitap_channel *channel)
{
	struct vmitap_directory *directory = channel->directory;

	WRITE_ONCE(directory->catalog_version, (directory->catalog_version + 2) | 1);
	vmitap_channel_notify(channel);
}
