// SPDX-License-Identifier: MIT
// A small object for fuzz_object.cpp to start from: one descriptor of each kind by hand, few types.
#include <stdint.h>

enum state { CLOSED, OPEN = 200 };

struct segment;

struct connection {
	uint32_t sent : 5, lost : 27;
	enum state state;
	union {
		float rate;
		struct {
			char name[8];
		};
	};
	struct connection *next;
	void (*notify)(struct segment *);
	const volatile int table[2][3];
	uint8_t tail[];
};

static struct connection connection;

#ifndef SITES
#define SITES ".data"
#endif

struct vmitap_mark_site {
	uint16_t abi;
	const volatile void *variable;
};

struct vmitap_trigger_site {
	uint32_t armed;
};

struct {
	struct vmitap_mark_site site;
	struct connection *vmitap_type;
	char text[11];
} vmitap_mark_here_0 __attribute__((section(SITES))) = { { 1, &connection }, 0, "connection" };

struct {
	struct vmitap_trigger_site site;
	struct {
		struct connection *arg1;
		uint64_t arg2;
	} *vmitap_args;
	char text[13];
} vmitap_trigger_here __attribute__((section(SITES))) = { { 0 }, 0, "sent\0c\0bytes" };
