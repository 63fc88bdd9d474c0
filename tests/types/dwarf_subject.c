// SPDX-License-Identifier: MIT
#include "dwarf_subject.h"

#include <vmitap/mark.h>
#include <vmitap/trigger.h>

// Only C has these.
struct only_c {
	_Atomic int atomic;
	int *restrict restricted;
	_Complex double complex;
	int vector __attribute__((vector_size(16)));
};

static struct everything everything;
static struct arrays arrays;
static struct only_c only_c;
static int answer = 0x1234abcd;
int exported = 5;
static const char *const names[3] = { "a", "b", "c" };

VMITAP_MARK(everything);
VMITAP_MARK(arrays);
VMITAP_MARK(only_c);
VMITAP_MARK(answer);
VMITAP_MARK(exported);
VMITAP_MARK(names);
VMITAP_MARK_AS(connection_state, everything.scalars.state);

static inline __attribute__((always_inline)) void fire_inlined(int depth)
{
	VMITAP_TRIGGER(inlined, depth);
}

void run(struct node *node, unsigned length)
{
	static double local;

	VMITAP_MARK(local);
	VMITAP_TRIGGER(none);
	if (length) {
		char name[8] = "abc";

		VMITAP_TRIGGER(segment, node, length, everything.nested, name);
	}
	fire_inlined(1);
	fire_inlined(2);
	VMITAP_TRIGGER(segment, node->next);
}
