/* SPDX-License-Identifier: MIT */
/* What bench_fire fires. In C, as most guests are; each in a loop of so many. */
#ifndef VMITAP_BENCH_FIRE_GUEST_H
#define VMITAP_BENCH_FIRE_GUEST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void fire_nothing(uint64_t count); /* the loop alone */
void fire_never(uint64_t count); /* nobody arms it */
void fire_bare(uint64_t count);
void fire_two(uint64_t count);
/* Its argument points at eight values; eight more are marks. */
void fire_pointer(uint64_t count);

#ifdef __cplusplus
}
#endif

#endif /* VMITAP_BENCH_FIRE_GUEST_H */
