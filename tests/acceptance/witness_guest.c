/* SPDX-License-Identifier: MIT */
/*
 * Fires with a pointer to an object that does not stay what it is. A line on standard input says what becomes of it right
 * after, and is answered by "done".
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

struct session {
	uint16_t key;
	uint16_t padding;
	int holders;
	uint32_t number;
	struct session *next;
};

static void look(struct session *session, struct session *other, unsigned round)
{
	VMITAP_TRIGGER(look, session, other, round, VMITAP_SAME(session, key), VMITAP_ALIVE(session, holders));
}

int main(void)
{
	struct session other = { .key = 7, .holders = 1, .number = 700, .next = &other };
	struct session session;
	char line[32];
	unsigned round = 0;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		session = (struct session){ .key = 0xfffe, .holders = 2, .number = 100, .next = &other };
		look(strcmp(line, "null") ? &session : NULL, &other, ++round);
		if (!strcmp(line, "another"))
			session = (struct session){ .key = 0xfff0, .holders = 1, .number = 200, .next = (void *)0xdead0000 };
		else if (!strcmp(line, "freed"))
			session.holders = 0;
		else if (!strcmp(line, "goes on"))
			session = (struct session){ .key = 0xfffe, .holders = 1, .number = 101, .next = &other };
		puts("done");
		fflush(stdout);
	}
	return 0;
}
