/* SPDX-License-Identifier: MIT */
#include "memory_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

enum { RINGS = 64, RING_SLOTS = 1024 };

static struct {
	struct vmitap_channel *channel; /* kept from the first attach on */
	struct vmitap_descriptor guest, host;
} memory = { .guest = VMITAP_NO_DESCRIPTOR, .host = VMITAP_NO_DESCRIPTOR };

static void notify(const struct vmitap_channel *channel)
{
	uint64_t one = 1;

	/* write(2) itself, as write(3) is a cancellation point, and a trigger must not become one. */
	if (vmitap_descriptor_is_ours(&channel->doorbell))
		syscall(SYS_write, channel->doorbell.fd, &one, sizeof(one));
}

static bool wait(const struct vmitap_ring *ring, uint64_t ticket, uint64_t seen, const struct timespec *deadline)
{
	(void)ticket;
	/* futex(2): this operation takes the time as a point of CLOCK_MONOTONIC. */
	return syscall(SYS_futex, vmitap_sync_futex(&ring->producer), FUTEX_WAIT_BITSET, (uint32_t)seen, deadline,
		       NULL, FUTEX_BITSET_MATCH_ANY) == 0 ||
	       errno != ETIMEDOUT;
}

static void wake(const struct vmitap_ring *ring)
{
	syscall(SYS_futex, vmitap_sync_futex(&ring->producer), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static const struct vmitap_transport transport = {
	.host_fences = true, /* membarrier(2) */
	.notify = notify,
	.wait = wait,
	.wake = wake,
};

static int make_memory(size_t size)
{
	int fd = memfd_create("vmitap", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0) /* before Linux 6.3 */
		fd = memfd_create("vmitap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 && ftruncate(fd, (off_t)size)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void *map(const struct vmitap_descriptor *file, size_t size, int protection)
{
	void *region = MAP_FAILED;

	if (file->fd >= 0)
		region = mmap(NULL, size, protection, MAP_SHARED, file->fd, 0);
	return region == MAP_FAILED ? NULL : region;
}

/* Whoever maps it shall not meet a SIGBUS because the other side has cut it off. */
static bool seal(const struct vmitap_descriptor *file)
{
	return fcntl(file->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

static bool furnish(struct vmitap_channel *channel)
{
	struct vmitap_guest_header header;

	vmitap_guest_layout(&header, RINGS, RING_SLOTS, vmitap_clock_choose());
	channel->guest_size = header.region_size;
	channel->host_size = vmitap_host_region_size(RINGS);
	memory.guest = vmitap_descriptor_keep(make_memory(channel->guest_size));
	memory.host = vmitap_descriptor_keep(make_memory(channel->host_size));
	channel->doorbell = vmitap_descriptor_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	channel->guest = map(&memory.guest, channel->guest_size, PROT_READ | PROT_WRITE);
	channel->host = map(&memory.host, channel->host_size, PROT_READ);
	if (!channel->guest || !channel->host || channel->doorbell.fd < 0)
		return false;
	/* From here on nobody maps the guest's pages writable. Before Linux 5.1 only we promise not to. */
	fcntl(memory.guest.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	if (!seal(&memory.guest) || !seal(&memory.host))
		return false;
	*channel->guest = header;
	vmitap_channel_add(channel, &header);
	return true;
}

static void close_files(void)
{
	vmitap_descriptor_close(&memory.guest);
	vmitap_descriptor_close(&memory.host);
}

static int make(void)
{
	struct vmitap_channel *channel = vmitap_channel_new(&transport, RINGS, RING_SLOTS);

	if (!channel)
		return errno;
	close_files();
	if (!furnish(channel)) {
		int error = errno;

		close_files();
		vmitap_channel_free(channel);
		return error;
	}
	memory.channel = channel;
	return 0;
}

int vmitap_memory_channel_open(void)
{
	uint64_t count;
	int error;

	/* A program may have closed our descriptors. Threads that still fire keep what they map. */
	if (!memory.channel || !vmitap_descriptor_is_ours(&memory.guest) ||
	    !vmitap_descriptor_is_ours(&memory.host) || !vmitap_descriptor_is_ours(&memory.channel->doorbell)) {
		error = make();
		if (error)
			return error;
	}
	(void)!read(memory.channel->doorbell.fd, &count, sizeof(count)); /* the last host's */
	vmitap_channel_use(memory.channel);
	return 0;
}

void vmitap_memory_channel_descriptors(int descriptors[VMITAP_MEMORY_DESCRIPTORS])
{
	descriptors[0] = memory.guest.fd;
	descriptors[1] = memory.host.fd;
	descriptors[2] = memory.channel->doorbell.fd;
}

void vmitap_memory_channel_forked(void)
{
	memory.channel = NULL;
	close_files();
}
