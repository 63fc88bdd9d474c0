/* SPDX-License-Identifier: MIT */
/* What must not compile, C or C++: each with -DCASE=n. Case 0 must. */
#include "vmitap/mark.h"
#include "vmitap/trigger.h"

static int variable;
#ifdef __cplusplus
static thread_local int per_thread;
#else
static _Thread_local int per_thread;
#endif

int function(void);
int function(void)
{
	int automatic = 0;

#if CASE == 0
	VMITAP_MARK(variable);
#elif CASE == 1
	VMITAP_MARK(per_thread);
#elif CASE == 2
	VMITAP_MARK(automatic);
#elif CASE == 3
	VMITAP_MARK(variable + 1);
#elif CASE == 4
	VMITAP_TRIGGER(seventeen, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17);
#endif
	return automatic + variable + per_thread;
}
