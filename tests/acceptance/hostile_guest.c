/* SPDX-License-Identifier: MIT */
/*
 * A guest that scribbles over everything it shares with its host, without end, and goes on firing.
 * Usage: hostile_guest noise|forged; it begins once its trigger is armed.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/ring_abi.h"
#include "vmitap/trigger.h"

static uint64_t value;
VMITAP_MARK(value);

static struct {
	unsigned char *start;
	size_t size;
} shared[8];
static volatile uint64_t fired; /* evaluated when the trigger is armed */
static unsigned regions; /* the scribbling thread's, as is shared */

static void find_regions(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, stop;
	char line[512];

	regions = 0;
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "memfd:vmitap") || sscanf(line, "%lx-%lx", &start, &stop) != 2)
			continue;
		if (mprotect((void *)start, stop - start, PROT_READ | PROT_WRITE) || regions == 8)
			continue;
		shared[regions].start = (unsigned char *)start;
		shared[regions++].size = stop - start;
	}
	fclose(maps);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* All bytes of all regions: random ones, or all alike. */
static void noise(uint64_t *random)
{
	unsigned r;
	size_t i;

	for (r = 0; r < regions; r++) {
		const uint64_t alike = next_random(random);

		for (i = 0; i + 8 <= shared[r].size; i += 8) {
			const uint64_t word = alike & 3 ? next_random(random) : (alike & 4 ? 0 : ~UINT64_C(0));

			memcpy(shared[r].start + i, &word, 8);
		}
	}
}

/* Slots that look as if they had just been committed, with sizes, flags and triggers of every kind. */
static void forge(uint64_t *random)
{
	unsigned r;
	size_t i;

	for (r = 0; r < regions; r++) {
		for (i = VMITAP_PAGE_SIZE; i + VMITAP_SLOT_SIZE <= shared[r].size; i += VMITAP_SLOT_SIZE) {
			const uint64_t dice = next_random(random);
			struct vmitap_slot_first slot = {
				.commit = (uint32_t)(dice & 7) << 1,
				.size = dice & 8 ? 8 : (uint16_t)(dice >> 16),
				.slots = dice & 24 ? 1 : (uint8_t)(dice >> 8),
				.flags = dice >> 32 & 3,
				.tsc = dice * dice,
				.trigger = dice >> 40 & 3,
				.lost = dice & 32 ? UINT32_MAX : 0,
			};

			memcpy(shared[r].start + i, &slot, sizeof(slot));
		}
	}
}

static void *scribble(void *argument)
{
	uint64_t random = (uint64_t)(uintptr_t)&random | 1;
	const bool forged = argument != NULL;

	for (;;) {
		find_regions();
		if (!regions || !fired)
			usleep(1000);
		else if (forged)
			forge(&random);
		else
			noise(&random);
		if (fired && forged && !(next_random(&random) & 15))
			noise(&random);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	void *forged = argc > 1 && !strcmp(argv[1], "forged") ? &regions : NULL;
	pthread_t thread;

	pthread_create(&thread, NULL, scribble, forged);
	for (;; value++) {
		VMITAP_TRIGGER(flood, ++fired);
		usleep(10);
	}
}
