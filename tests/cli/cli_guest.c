/* SPDX-License-Identifier: MIT */
/*
 * A guest that does what its standard input says, one command a line, and answers "done":
 *	tick N     fires the trigger tick N times        wild       fires the trigger look at a null pointer
 *	sleep MS   does nothing                          exec       becomes sleep(1)
 *	fork       makes a child that waits              exit N     ends
 *	run        fires tick for ever, from four threads
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

enum parity { EVEN, ODD };

struct entry {
	uint16_t key;
	char name[14];
	struct entry *next;
};

static struct {
	uint64_t ticks;
	enum parity parity;
	unsigned urgent : 3;
	double mean;
} stats;
VMITAP_MARK(stats);

static uint32_t history[8];
VMITAP_MARK(history);

static struct entry second = { 2, "second", NULL };
static struct entry first = { 1, "first", &second };
static struct entry *head = &first;
VMITAP_MARK(head);

static void tick(uint32_t value)
{
	for (unsigned i = 7; i > 0; i--)
		history[i] = history[i - 1];
	history[0] = value;
	stats.ticks++;
	stats.parity = value % 2 ? ODD : EVEN;
	stats.urgent = value % 8;
	stats.mean += (value - stats.mean) / (double)stats.ticks;
	VMITAP_TRIGGER(tick, value, stats.mean);
}

static void look(const struct entry *entry)
{
	VMITAP_TRIGGER(look, entry, VMITAP_SAME(entry, key));
}

static void *run(void *unused)
{
	(void)unused;
	for (uint32_t i = 1;; i++) {
		VMITAP_TRIGGER(busy, i);
		if (i % 64 == 0)
			usleep(100);
	}
	return NULL;
}

int main(void)
{
	char line[64], word[16];
	uint32_t value = 0;
	long number;

	while (fgets(line, sizeof(line), stdin)) {
		number = 0;
		if (sscanf(line, "%15s %ld", word, &number) < 1)
			continue;
		if (!strcmp(word, "tick"))
			while (number-- > 0)
				tick(++value);
		else if (!strcmp(word, "wild"))
			look(NULL);
		else if (!strcmp(word, "look"))
			look(head);
		else if (!strcmp(word, "sleep"))
			usleep((useconds_t)number * 1000);
		else if (!strcmp(word, "exec"))
			execlp("sleep", "sleep", "60", (char *)NULL);
		else if (!strcmp(word, "fork") && fork() == 0) {
			alarm(20);
			tick(value); /* nobody's: the child is not captured */
			for (;;)
				pause();
		} else if (!strcmp(word, "run"))
			for (pthread_t thread; number < 4; number++)
				pthread_create(&thread, NULL, run, NULL);
		else if (!strcmp(word, "exit"))
			exit((int)number);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
