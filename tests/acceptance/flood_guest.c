/* SPDX-License-Identifier: MIT */
/*
 * Fires from several threads, and counts each fire of an armed trigger in a file, where the count outlives
 * the guest. Usage: flood_guest THREADS FILE [orphan]; orphan: the first thread ends, the others go on.
 * A line on standard input, answered by "done":
 *	flood N		each thread fires N times as fast as it can
 *	pace N		the same, with a rest after every 16
 *	burst N		the same, with a rest after every 1500, which is more than a ring holds
 *	fork		makes a child that fires, for a second
 *	spawn		runs /bin/true, by vfork
 *	exec		becomes sleep(1)
 *	exit N
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

enum { THREADS_MAX = 256 };

extern char **environ;

static struct {
	uint64_t rounds;
	uint32_t threads;
	char name[12];
} state;
VMITAP_MARK(state);

static volatile uint64_t *counts; /* one a thread */
static pthread_barrier_t begin, end;
static long fires;
static long rest; /* after so many */

/* The second argument is evaluated only while the trigger is armed: it counts what fires. */
static void fire(uint32_t self)
{
	long n;

	for (n = 0; n < fires; n++) {
		VMITAP_TRIGGER(flood, self, ++counts[self]);
		if (rest && n % rest == rest - 1)
			usleep(200);
	}
}

static void *run(void *argument)
{
	const uint32_t self = (uint32_t)(uintptr_t)argument;

	for (;;) {
		pthread_barrier_wait(&begin);
		fire(self);
		pthread_barrier_wait(&end);
	}
	return NULL;
}

/* Like the parent, from a thread of its own; its fires are nobody's, and would show by their numbers. */
static void be_a_child(void)
{
	static uint64_t own[THREADS_MAX];
	const uint64_t other = UINT64_C(1) << 40;
	long n;

	counts = own;
	for (n = 0; n < 200; n++) {
		VMITAP_TRIGGER(flood, (uint32_t)n, other + own[0]++);
		usleep(5000);
	}
	_exit(0);
}

static void obey(const char *word, long number)
{
	static char name[] = "true";
	char *const arguments[] = { name, NULL };
	pid_t child;

	if (!strcmp(word, "flood") || !strcmp(word, "pace") || !strcmp(word, "burst")) {
		fires = number;
		rest = word[0] == 'p' ? 16 : word[0] == 'b' ? 1500 : 0;
		state.rounds++;
		pthread_barrier_wait(&begin);
		pthread_barrier_wait(&end);
	} else if (!strcmp(word, "fork")) {
		if (fork() == 0)
			be_a_child();
	} else if (!strcmp(word, "spawn")) {
		if (posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == 0)
			waitpid(child, NULL, 0);
	} else if (!strcmp(word, "exec")) {
		execlp("sleep", "sleep", "60", (char *)NULL);
	} else if (!strcmp(word, "exit")) {
		_exit((int)number);
	}
}

static void *listen(void *unused)
{
	char line[64], word[16];
	long number;

	(void)unused;
	while (fgets(line, sizeof(line), stdin)) {
		number = 0;
		if (sscanf(line, "%15s %ld", word, &number) < 1)
			continue;
		obey(word, number);
		puts("done");
		fflush(stdout);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	uintptr_t t;
	int fd;

	if (argc < 3 || (state.threads = (uint32_t)atoi(argv[1])) > THREADS_MAX)
		return 2;
	fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, THREADS_MAX * sizeof(*counts)))
		return 1;
	counts = mmap(NULL, THREADS_MAX * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		return 1;
	strcpy(state.name, "flood");
	pthread_barrier_init(&begin, NULL, state.threads + 1);
	pthread_barrier_init(&end, NULL, state.threads + 1);
	for (t = 0; t < state.threads; t++)
		pthread_create(&thread, NULL, run, (void *)t);
	if (argc > 3 && !strcmp(argv[3], "orphan")) { /* the first thread ends, and stays as a zombie */
		pthread_create(&thread, NULL, listen, NULL);
		pthread_exit(NULL);
	}
	listen(NULL);
	return 0;
}
