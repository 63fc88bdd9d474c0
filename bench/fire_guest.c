/* SPDX-License-Identifier: MIT */
#include "fire_guest.h"

#include <stdlib.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

struct connection {
	uint32_t value[8];
};

static struct connection marked = { { 1, 2, 3, 4, 5, 6, 7, 8 } };
VMITAP_MARK(marked);

void fire_nothing(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		__asm__ volatile("" : "+r"(i));
}

void fire_never(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		__asm__ volatile("" : "+r"(i));
		VMITAP_TRIGGER(never, i);
	}
}

void fire_bare(uint64_t count)
{
	while (count--)
		VMITAP_TRIGGER(bare);
}

void fire_two(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		VMITAP_TRIGGER(two, i, count);
}

void fire_pointer(uint64_t count)
{
	struct connection *connection = malloc(sizeof(*connection));

	if (!connection)
		abort();
	*connection = marked;
	while (count--)
		VMITAP_TRIGGER(pointer, connection);
	free(connection);
}
