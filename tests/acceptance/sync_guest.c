/* SPDX-License-Identifier: MIT */
/*
 * Threads that change variables, log what they hold, and fire: what vmitap captures in SYNC mode must
 * equal the log. Usage: sync_guest THREADS TRIGGERS_PER_THREAD LOG; begins when a line arrives.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

enum phase { IDLE, OPENING, OPEN, CLOSING };

struct connection {
	uint64_t sequence;
	enum phase phase;
	unsigned window : 11;
	unsigned urgent : 1;
	int history[3];
	double rtt;
	char name[16];
	struct {
		uint16_t source, destination;
	} port;
};

enum { THREADS_MAX = 16 };

static struct connection connections[THREADS_MAX];
VMITAP_MARK(connections);

static unsigned long triggers;
static FILE *logs[THREADS_MAX];

static void *run(void *argument)
{
	const unsigned self = (unsigned)(uintptr_t)argument;
	struct connection *connection = &connections[self];
	uint64_t random = self + 1;
	unsigned long i;

	for (i = 0; i < triggers; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		connection->sequence = random;
		connection->phase = (enum phase)(random >> 33 & 3);
		connection->window = random >> 20 & 2047;
		connection->urgent = random >> 50 & 1;
		connection->history[i % 3] = (int)(random >> 11);
		connection->rtt = (double)(random >> 40) / 16;
		snprintf(connection->name, sizeof(connection->name), "t%u-%u", self % 100, (unsigned)i % 10000000);
		connection->port.source = (uint16_t)random;
		connection->port.destination = (uint16_t)i;
		fprintf(logs[self], "%lu %" PRIu64 " %d %u %u %d %d %d %.17g %s %u %u\n", i, connection->sequence,
			connection->phase, connection->window, connection->urgent, connection->history[0],
			connection->history[1], connection->history[2], connection->rtt, connection->name,
			connection->port.source, connection->port.destination);
		VMITAP_TRIGGER(step, connection, self, i);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	unsigned count, t;
	char path[4096];

	if (argc != 4 || (count = (unsigned)atoi(argv[1])) > THREADS_MAX)
		return 2;
	triggers = strtoul(argv[2], NULL, 0);
	for (t = 0; t < count; t++) {
		snprintf(path, sizeof(path), "%s.%u", argv[3], t);
		logs[t] = fopen(path, "w");
		if (!logs[t])
			return 1;
	}
	getchar();
	for (t = 0; t < count; t++)
		pthread_create(&threads[t], NULL, run, (void *)(uintptr_t)t);
	for (t = 0; t < count; t++) {
		pthread_join(threads[t], NULL);
		fclose(logs[t]);
	}
	return 0;
}
