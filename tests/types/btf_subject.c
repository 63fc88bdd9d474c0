// SPDX-License-Identifier: MIT
// What BTF can say in full, for btf_test.cpp.
#include "dwarf_subject.h"

struct elsewhere {
	int known;
};

struct everything everything;
struct arrays arrays;
struct elsewhere elsewhere;
