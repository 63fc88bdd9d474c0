/* SPDX-License-Identifier: MIT */
/*
 * A program with marks and triggers, as anybody would write one: it knows nothing of Xen. Does what lines say that
 * arrive at a FIFO, and writes a line to another when it has:
 *
 *	marked FIFO DONE LOG
 *	run TRIGGERS PAUSE_US	two threads change their connection, log what it holds, and fire; LOG is theirs
 *	fork			a child, which does nothing
 *	exec			the same program anew
 *	close			all its descriptors that it does not know, as daemons do
 *
 * With $AS_UID it becomes that user first.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

enum { THREADS = 2, LINE = 160 };

enum phase { IDLE, OPENING = 3, OPEN = 7, CLOSING };

struct peer {
	unsigned hops;
	uint16_t weight;
};

struct connection {
	unsigned thread;
	unsigned step;
	enum phase phase;
	unsigned window : 11;
	unsigned urgent : 1;
	int drift : 9;
	union {
		uint64_t whole;
		struct {
			uint32_t low, high;
		} half;
	} word;
	int history[3];
	struct peer *peer;
	char name[16];
};

static struct connection connections[THREADS];
VMITAP_MARK(connections);

/* Of pages that nobody has touched, there are none. */
static char untouched[1 << 20];
VMITAP_MARK(untouched);

/* And what is taken away is not there, whatever stood in it. */
static _Alignas(4096) char forbidden[4096] = "to be read by nobody";
VMITAP_MARK(forbidden);

struct job {
	unsigned self, triggers, pause_us;
	char *log;
};

static void change(struct connection *connection, unsigned self, unsigned step, uint64_t random)
{
	static const enum phase phases[] = { IDLE, OPENING, OPEN, CLOSING };

	connection->thread = self;
	connection->step = step;
	connection->phase = phases[random >> 33 & 3];
	connection->window = random >> 20 & 2047;
	connection->urgent = random >> 50 & 1;
	connection->drift = (int)(random >> 40 & 511) - 256;
	connection->word.whole = random;
	connection->history[step % 3] = (int)(random >> 11);
	connection->peer->hops = (unsigned)(random >> 7);
	connection->peer->weight = (uint16_t)(random >> 13);
	snprintf(connection->name, sizeof(connection->name), "t%u-%u", self % 10, step % 10000000);
}

static void *run(void *argument)
{
	const struct job *job = argument;
	struct connection *connection = &connections[job->self];
	uint64_t random = job->self + 1;

	for (unsigned i = 0; i < job->triggers; i++) {
		const struct connection *const it = connection;

		random = random * 6364136223846793005u + 1442695040888963407u;
		change(connection, job->self, i, random);
		snprintf(job->log + (size_t)i * LINE, LINE, "%u %u %u %u %u %d %" PRIu64 " %d %d %d %u %u %s\n",
			 it->thread, it->step, (unsigned)it->phase, it->window, it->urgent, it->drift, it->word.whole,
			 it->history[0], it->history[1], it->history[2], it->peer->hops, it->peer->weight, it->name);
		VMITAP_TRIGGER(connection_step, connection, i);
		if (job->pause_us)
			usleep(job->pause_us);
	}
	return NULL;
}

static void run_threads(unsigned triggers, unsigned pause_us, const char *path)
{
	struct job jobs[THREADS];
	pthread_t threads[THREADS];
	FILE *log;

	for (unsigned t = 0; t < THREADS; t++) {
		jobs[t] = (struct job){ t, triggers, pause_us, calloc(triggers, LINE) };
		if (!jobs[t].log)
			exit(1);
		pthread_create(&threads[t], NULL, run, &jobs[t]);
	}
	log = fopen(path, "w");
	for (unsigned t = 0; t < THREADS; t++) {
		pthread_join(threads[t], NULL);
		for (unsigned i = 0; log && i < triggers; i++)
			fputs(jobs[t].log + (size_t)i * LINE, log);
		free(jobs[t].log);
	}
	if (!log || fclose(log))
		exit(1);
}

static void change_user(char **argv)
{
	const char *wanted = getenv("AS_UID");

	if (!wanted)
		return;
	if (setgid((gid_t)atoi(wanted)) || setuid((uid_t)atoi(wanted)) || unsetenv("AS_UID"))
		exit(1);
	execv("/proc/self/exe", argv);
	exit(1);
}

static void obey(const char *line, char **argv, FILE *lines)
{
	unsigned triggers, pause_us;

	if (sscanf(line, "run %u %u", &triggers, &pause_us) == 2) {
		run_threads(triggers, pause_us, argv[3]);
	} else if (strncmp(line, "fork", 4) == 0) {
		if (fork() == 0)
			for (;;)
				pause();
	} else if (strncmp(line, "exec", 4) == 0) {
		execv("/proc/self/exe", argv);
		exit(1);
	} else if (strncmp(line, "close", 5) == 0) {
		for (int fd = 3; fd < 1024; fd++)
			if (fd != fileno(lines))
				close(fd);
	}
}

int main(int argc, char **argv)
{
	char line[64];
	FILE *lines;

	if (argc != 4)
		return 2;
	change_user(argv);
	for (unsigned t = 0; t < THREADS; t++)
		connections[t].peer = calloc(1, sizeof(struct peer));
	if (mprotect(forbidden, sizeof(forbidden), PROT_NONE))
		return 1;
	lines = fopen(argv[1], "r+"); /* never at its end */
	while (lines && fgets(line, sizeof(line), lines)) {
		FILE *done;

		obey(line, argv, lines);
		done = fopen(argv[2], "w");
		if (!done || fputs("done\n", done) < 0 || fclose(done))
			return 1;
	}
	return 1;
}
