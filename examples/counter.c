/* SPDX-License-Identifier: MIT */
/*
 * The smallest guest: counts, ten times a second, until it is stopped.
 *	vmitap capture local:counter --on tick --read stats,history --count 20 -o counter.mcap
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

enum parity { EVEN, ODD };

static struct {
	uint64_t ticks;
	enum parity parity;
	double mean; /* of all values so far */
} stats;
VMITAP_MARK(stats);

static uint32_t history[8]; /* the last values, newest first */
VMITAP_MARK(history);

static void tick(uint32_t value)
{
	for (unsigned i = 7; i > 0; i--)
		history[i] = history[i - 1];
	history[0] = value;
	stats.ticks++;
	stats.parity = value % 2 ? ODD : EVEN;
	stats.mean += (value - stats.mean) / (double)stats.ticks;
	VMITAP_TRIGGER(tick, value, stats.mean);
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	printf("counter: guest %d; try: vmitap list\n", getpid());
	fflush(stdout);
	for (uint32_t value = 1;; value = value * 1664525u + 1013904223u) {
		tick(value >> 16);
		nanosleep(&pause, NULL);
	}
}
