/* SPDX-License-Identifier: MIT */
/* An inline function of a header, which is in two translation units. */
#ifndef VMITAP_TEST_MACROS_H
#define VMITAP_TEST_MACROS_H

#include "vmitap/trigger.h"

#ifdef __cplusplus
#define HEADER_INLINE inline
#else
#define HEADER_INLINE static inline
#endif

HEADER_INLINE int in_header(int x)
{
	VMITAP_TRIGGER(in_header, x);
	return x;
}

int other_unit(int x);

#endif /* VMITAP_TEST_MACROS_H */
