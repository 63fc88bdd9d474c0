/* SPDX-License-Identifier: MIT */
/* The clock that stamps records (enum vmitap_clock). */
#ifndef VMITAP_CLOCK_H
#define VMITAP_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "vmitap/ring_abi.h"

/* The TSC where all of this machine's processors keep the same, CLOCK_MONOTONIC elsewhere. */
enum vmitap_clock vmitap_clock_choose(void);

/* Ticks of the clock that was chosen. Async-signal-safe. */
static inline uint64_t vmitap_clock_ticks(enum vmitap_clock clock)
{
	struct timespec now;

#if defined(__x86_64__)
	if (clock == VMITAP_CLOCK_TSC)
		return __builtin_ia32_rdtsc();
#else
	(void)clock;
#endif
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif /* VMITAP_CLOCK_H */
