/* SPDX-License-Identifier: MIT */
/*
 * A busy guest that shows outside of vmitap whether it runs: each thread counts in a file that is mapped
 * shared. Usage: heartbeat_guest THREADS FILE
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

static struct {
	uint64_t rounds;
	uint32_t threads;
} state;
VMITAP_MARK(state);

static volatile uint64_t *beats;

static void *beat(void *argument)
{
	const uintptr_t self = (uintptr_t)argument;
	uint64_t n;

	for (n = 1;; n++) {
		beats[self * 8] = n;
		if (self == 0)
			state.rounds = n;
		if ((n & 0x3fff) == 0) {
			VMITAP_TRIGGER(round, n, self);
			usleep(50);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	uintptr_t t;
	int fd;

	if (argc != 3)
		return 2;
	state.threads = (uint32_t)atoi(argv[1]);
	fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 4096))
		return 1;
	beats = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (beats == MAP_FAILED)
		return 1;
	for (t = 1; t < state.threads; t++)
		pthread_create(&thread, NULL, beat, (void *)t);
	beat((void *)0);
	return 0;
}
