/* SPDX-License-Identifier: MIT */
/* Stands where the guest library stands, arms every trigger, and remembers what the macros hand over. */
#ifndef VMITAP_TEST_RECORDER_H
#define VMITAP_TEST_RECORDER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Aborts, with a message, if a trigger or mark is not there. */

/* How often the trigger was registered, and fired. */
unsigned trigger_count(const char *name);
unsigned fired_count(const char *name);
/* Its n-th argument as written, from 1 on. */
const char *argument_text(const char *name, unsigned n);
/* The argument struct as it fired last, and its size. */
const void *fired_args(const char *name);
size_t fired_size(const char *name);

unsigned mark_count(const char *name);
const volatile void *mark_address(const char *name);
size_t mark_size(const char *name);

void disarm(const char *name);

#define EXPECT(condition)                                                                  \
	do {                                                                               \
		if (!(condition)) {                                                        \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                           \
		}                                                                          \
	} while (0)

#ifdef __cplusplus
}
#endif

#endif /* VMITAP_TEST_RECORDER_H */
