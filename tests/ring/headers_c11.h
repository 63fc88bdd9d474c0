/* SPDX-License-Identifier: MIT */
#ifndef HEADERS_C11_H
#define HEADERS_C11_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vmitap_producer;

/* A record as the C compiler writes it; false if it was dropped. */
bool c11_push(struct vmitap_producer *producer, const void *bytes, uint32_t size, uint32_t trigger,
	      uint64_t ticks);

#ifdef __cplusplus
}
#endif

#endif
