// SPDX-License-Identifier: MIT
#include "macros.h"
#include "vmitap/mark.h"

static int hidden_here;
VMITAP_MARK(hidden_here);

int other_unit(int x) { return in_header(x) + hidden_here; }
