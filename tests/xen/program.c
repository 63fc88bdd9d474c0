/* SPDX-License-Identifier: MIT */
/*
 * A program in a domain that uses /dev/vmitap bare, without the guest library: one ring, one trigger "beat" that
 * fires every millisecond while armed, with a u64 that counts. Says what it is asked and who comes and goes.
 *
 *	program [SECONDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmitap/device_abi.h"
#include "vmitap/ring_producer.h"
#include "vmitap/ring_sync.h"
#include "vmitap/xen_abi.h"

static int device;
static struct vmitap_producer producer;
static bool armed, sync_wanted;
static unsigned long waits[3]; /* answered, timed out, host gone */

static void die(const char *what)
{
	fprintf(stderr, "program: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_channel(void)
{
	struct vmitap_device_channel channel = { .abi_version = VMITAP_DEVICE_ABI_VERSION,
						 .rings = 1,
						 .slots_per_ring = 64,
						 .catalog_pages = 1,
						 .name = "beater" };
	void *guest, *host;

	device = open(VMITAP_DEVICE_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (device < 0 || ioctl(device, VMITAP_DEVICE_OPEN, &channel))
		die(VMITAP_DEVICE_PATH);
	guest = mmap(NULL, channel.guest_size, PROT_READ | PROT_WRITE, MAP_SHARED, device, VMITAP_DEVICE_GUEST);
	host = mmap(NULL, channel.host_size, PROT_READ, MAP_SHARED, device, VMITAP_DEVICE_HOST);
	if (guest == MAP_FAILED || host == MAP_FAILED)
		die("mapping");
	if (mmap(NULL, channel.host_size, PROT_READ | PROT_WRITE, MAP_SHARED, device, VMITAP_DEVICE_HOST) !=
	    MAP_FAILED)
		die("the host region is writable");
	vmitap_producer_init(&producer, guest, guest, host, 0);
	vmitap_producer_claim(&producer, (vmitap_u32)getpid());
	printf("pid %u\n", channel.pid);
}

static void publish(void)
{
	static struct {
		struct {
			struct vmitap_message header;
			struct vmitap_site site;
			char text[16];
		} beat;
		struct vmitap_message listed;
	} catalog = { .beat = { .header = { VMITAP_TRIGGER_SITE, sizeof(struct vmitap_message) +
									 sizeof(struct vmitap_site) + 10 },
				.site = { .id = 1, .module = 1, .size = 8, .arguments = 1 },
				.text = "beat\0count" },
		      .listed = { VMITAP_LISTED, sizeof(struct vmitap_message) } };
	struct vmitap_device_catalog where = { .address = (vmitap_u64)(uintptr_t)&catalog, .size = sizeof(catalog) };

	if (ioctl(device, VMITAP_DEVICE_PUBLISH, &where))
		die("publishing");
}

static void serve(void)
{
	static _Alignas(8) unsigned char message[VMITAP_MAILBOX_MESSAGE_MAX];
	struct vmitap_message answer = { VMITAP_DONE, sizeof(answer) };
	const struct vmitap_message *header = (void *)message;
	const struct vmitap_arm *arm = (void *)(header + 1);
	static vmitap_u32 was;
	vmitap_u32 present;

	if (ioctl(device, VMITAP_DEVICE_PRESENT, &present))
		die("asking for presence");
	if (present != was)
		printf(present ? "a host came\n" : "the host went\n");
	was = present;
	armed = armed && present;
	while (read(device, message, sizeof(message)) > 0) {
		printf("asked %u\n", header->type);
		armed = header->type == VMITAP_ARM;
		sync_wanted = armed && arm->flags & VMITAP_ARM_SYNC;
		if (write(device, &answer, sizeof(answer)) != sizeof(answer))
			die("answering");
	}
}

static void beat(void)
{
	static vmitap_u64 count;
	struct vmitap_record record;
	struct vmitap_device_wait wait = { .ring = 0 };
	struct timespec now;
	vmitap_u32 parked;

	count++;
	if (!vmitap_reserve(&producer, &record, sizeof(count)))
		return;
	vmitap_write(&record, &count, sizeof(count));
	vmitap_publish(&record, 1, sync_wanted ? VMITAP_RECORD_SYNC : 0, __rdtsc());
	if (vmitap_announce(&producer, sync_wanted) && ioctl(device, VMITAP_DEVICE_KICK))
		die("kicking");
	if (!sync_wanted)
		return;
	parked = vmitap_sync_park(&producer);
	clock_gettime(CLOCK_MONOTONIC, &now);
	wait.ticket = vmitap_sync_ticket(&record);
	wait.deadline_ns = (vmitap_u64)now.tv_sec * 1000000000u + (vmitap_u64)now.tv_nsec + 200000000u;
	if (ioctl(device, VMITAP_DEVICE_WAIT, &wait) == 0)
		waits[0]++;
	else
		waits[errno == ETIMEDOUT ? 1 : 2]++;
	vmitap_sync_unpark(&producer, parked);
	if (!vmitap_sync_answered(&producer, wait.ticket))
		vmitap_sync_abandon(&producer, wait.ticket);
}

int main(int argc, char **argv)
{
	const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 60);

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_channel();
	publish();
	while (time(NULL) < end) {
		struct pollfd ready = { .fd = device, .events = POLLIN };

		if (poll(&ready, 1, armed ? 1 : 100) == 1)
			serve();
		if (armed)
			beat();
	}
	printf("waits answered %lu timed out %lu host gone %lu\n", waits[0], waits[1], waits[2]);
	return 0;
}
