// SPDX-License-Identifier: MIT
// Sees the types of dwarf_subject.h as well, and defines one that is only declared there.
#include "dwarf_subject.h"

struct elsewhere {
	int found;
	struct node *node;
};

struct elsewhere elsewhere;
struct everything other_everything;

// A type of the same name that has nothing to do with the one above.
int use(void)
{
	struct node {
		char different[3];
	} node = { { 1 } };

	return node.different[0] + elsewhere.found;
}
