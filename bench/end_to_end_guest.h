/* SPDX-License-Identifier: MIT */
/* What bench_end_to_end and its guest say to each other. */
#ifndef VMITAP_BENCH_END_TO_END_GUEST_H
#define VMITAP_BENCH_END_TO_END_GUEST_H

#include <stdint.h>

/* How the guest hands a record out. */
enum way {
	FIRE,	     /* VMITAP_TRIGGER(step) */
	PIPE,	     /* fwrite, as stdio buffers it */
	PIPE_EACH,   /* write(2), one for each record */
	PIPE_ANSWER, /* and each is waited for until the reader has answered it */
};

/* On standard input. */
struct command {
	uint64_t way;
	uint64_t count;
	uint64_t window; /* FIRE: records that may be under way; 0: as fast as it can */
};

/*
 * The answer, on standard output, is the count as a uint64_t, once every record has arrived (window 0: once
 * it fired). FIRE: a byte on CREDITS stands for so many records that arrived. PIPE_ANSWER: for one.
 */
enum { RECORDS_PER_CREDIT = 32 };
enum { CREDITS = 3, DATA = 4 }; /* file descriptors */

#endif /* VMITAP_BENCH_END_TO_END_GUEST_H */
