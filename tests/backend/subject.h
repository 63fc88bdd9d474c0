/* SPDX-License-Identifier: MIT */
/* What a subject (subject.c) and its test see of each other: one shared page, on descriptor SUBJECT_FD. */
#ifndef VMITAP_TESTS_SUBJECT_H
#define VMITAP_TESTS_SUBJECT_H

#include <stdint.h>

#define SUBJECT_FD 200
#define SUBJECT_THREADS_MAX 128

/* All members are accessed with __atomic builtins. */
struct subject_page {
	uint32_t ready;	   /* set by the subject once it does what its mode says */
	uint32_t finish;   /* set by the test: end what you wait for */
	uint64_t runs;	   /* programs started on this page: execs + 1 */
	uint64_t signals;  /* handled */
	uint64_t threads;  /* born, in mode churn */
	uint64_t known;	   /* address of a string in the subject */
	uint64_t hole;	   /* address of a page between two that are mapped, itself not */
	uint64_t beats[SUBJECT_THREADS_MAX];
};

#endif
