/* SPDX-License-Identifier: MIT */
/*
 * A struct whose members always change together: one instruction stores them all, so no moment at which
 * the process can be stopped falls between them. It lies across two cache lines, so a reader on another
 * core, while the process runs, does see it torn.
 */
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

struct together {
	uint64_t first, second;
};

static struct {
	_Alignas(64) char before[56];
	struct together pair; /* first ends a cache line, second begins the next */
} placed;
VMITAP_MARK_AS(pair, placed.pair);

static volatile uint64_t heartbeat;
VMITAP_MARK(heartbeat);

static void *beat(void *unused)
{
	(void)unused;
	for (;;) {
		heartbeat++;
		usleep(100);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
	pthread_t thread;
	uint64_t n = 0;
	unsigned t;

	for (t = 0; t < threads; t++)
		pthread_create(&thread, NULL, beat, NULL);
	for (;; n++) {
		_mm_storeu_si128((__m128i *)&placed.pair, _mm_set1_epi64x((long long)n));
		__asm__ volatile("" ::: "memory");
		if ((n & 0xffff) == 0)
			VMITAP_TRIGGER(turn, n);
	}
}
