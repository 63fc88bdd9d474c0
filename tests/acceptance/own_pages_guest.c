/* SPDX-License-Identifier: MIT */
/*
 * A guest that brings the pages of one of its own mappings (userfaultfd), as garbage collectors and live
 * migration do: nobody can read them while it is stopped. Prints "ready"; exits with status 77 where that is
 * not allowed. Usage: own_pages_guest FILE, in which it counts (heartbeat_guest.c)
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmitap/mark.h"

enum { PAGE = 4096, PAGES = 4096 };

struct item {
	uint64_t value;
};
static struct item *items; /* in a page that nobody has touched */
VMITAP_MARK(items);

static volatile uint64_t *beats;
static int faults;
static unsigned char page[PAGE] __attribute__((aligned(PAGE)));

static void *bring(void *unused)
{
	const uint64_t value = 4711;
	struct uffd_msg message;

	memcpy(page, &value, sizeof(value));
	while (read(faults, &message, sizeof(message)) == (ssize_t)sizeof(message)) {
		struct uffdio_copy copy = {
			.dst = message.arg.pagefault.address & ~(uint64_t)(PAGE - 1),
			.src = (uintptr_t)page,
			.len = PAGE,
		};

		ioctl(faults, UFFDIO_COPY, &copy);
	}
	return unused;
}

int main(int argc, char **argv)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *pages = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;
	uint64_t n;
	int fd;

	faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (argc != 2 || faults < 0 || ioctl(faults, UFFDIO_API, &api))
		return 77;
	range.range.start = (uintptr_t)pages;
	range.range.len = (uint64_t)PAGES * PAGE;
	if (ioctl(faults, UFFDIO_REGISTER, &range) || pthread_create(&thread, NULL, bring, NULL))
		return 77;
	items = (struct item *)pages;
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, PAGE))
		return 1;
	beats = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	puts("ready");
	fflush(stdout);
	for (n = 1; n; n++) {
		beats[0] = n;
		/* Another untouched page every 20 ms, for as long as there are some. */
		items = (struct item *)(pages + n / 200 % PAGES * PAGE);
		usleep(100);
	}
	return 0;
}
