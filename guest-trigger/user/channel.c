/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

struct vmitap_channel *vmitap_channel_current;

static uint32_t epoch;

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

static void *map(const struct vmitap_descriptor *memory, size_t size, int protection)
{
	void *region = MAP_FAILED;

	if (memory->fd >= 0)
		region = mmap(NULL, size, protection, MAP_SHARED, memory->fd, 0);
	return region == MAP_FAILED ? NULL : region;
}

/* Whoever maps it shall not meet a SIGBUS because the other side has cut it off. */
static bool seal(const struct vmitap_descriptor *memory)
{
	return fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

static void discard(struct vmitap_channel *channel)
{
	vmitap_descriptor_close(&channel->guest_memory);
	vmitap_descriptor_close(&channel->host_memory);
	vmitap_descriptor_close(&channel->doorbell);
	if (channel->guest)
		munmap(channel->guest, channel->guest_size);
	if (channel->host)
		munmap(channel->host, channel->host_size);
	munmap(channel, sizeof(*channel));
}

static bool furnish(struct vmitap_channel *channel)
{
	struct vmitap_guest_header header;

	channel->pid = getpid();
	channel->clock = vmitap_clock_choose();
	vmitap_guest_layout(&header, VMITAP_RING_COUNT, VMITAP_RING_SLOTS, channel->clock);
	channel->guest_size = header.region_size;
	channel->host_size = vmitap_host_region_size(VMITAP_RING_COUNT);
	channel->guest_memory = vmitap_descriptor_keep(make_memory(channel->guest_size));
	channel->host_memory = vmitap_descriptor_keep(make_memory(channel->host_size));
	channel->doorbell = vmitap_descriptor_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	channel->guest = map(&channel->guest_memory, channel->guest_size, PROT_READ | PROT_WRITE);
	channel->host = map(&channel->host_memory, channel->host_size, PROT_READ);
	if (!channel->guest || !channel->host || channel->doorbell.fd < 0)
		return false;
	/* From here on nobody maps the guest's pages writable. Before Linux 5.1 only we promise not to. */
	fcntl(channel->guest_memory.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	if (!seal(&channel->guest_memory) || !seal(&channel->host_memory))
		return false;
	*channel->guest = header;
	for (uint32_t i = 0; i < VMITAP_RING_COUNT; i++) {
		channel->rings[i].channel = channel;
		vmitap_producer_init(&channel->rings[i].producer, &header, channel->guest, channel->host, i);
	}
	return true;
}

static struct vmitap_channel *make(int *error)
{
	struct vmitap_channel *channel =
		mmap(NULL, sizeof(*channel), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (channel == MAP_FAILED) {
		*error = errno;
		return NULL;
	}
	if (!furnish(channel)) {
		*error = errno;
		discard(channel);
		return NULL;
	}
	return channel;
}

int vmitap_channel_open(void)
{
	struct vmitap_channel *channel = vmitap_channel_current;
	uint64_t count;
	int error = 0;

	/* A program may have closed our descriptors. Threads that still fire keep what they map. */
	if (!channel || !vmitap_descriptor_is_ours(&channel->guest_memory) ||
	    !vmitap_descriptor_is_ours(&channel->host_memory) || !vmitap_descriptor_is_ours(&channel->doorbell)) {
		channel = make(&error);
		if (!channel)
			return error;
		vmitap_store_release(&vmitap_channel_current, channel); /* pairs with vmitap_fire() in fire.c */
	}
	vmitap_rings_register();
	vmitap_rings_reap(channel);
	(void)!read(channel->doorbell.fd, &count, sizeof(count)); /* the last host's */
	return 0;
}

void vmitap_channel_descriptors(int descriptors[VMITAP_CHANNEL_DESCRIPTORS])
{
	descriptors[0] = vmitap_channel_current->guest_memory.fd;
	descriptors[1] = vmitap_channel_current->host_memory.fd;
	descriptors[2] = vmitap_channel_current->doorbell.fd;
}

uint32_t vmitap_channel_epoch(void)
{
	return vmitap_load_acquire(&epoch);
}

void vmitap_channel_release(void)
{
	vmitap_store_release(&epoch, epoch + 1); /* pairs with vmitap_channel_epoch() */
}

bool vmitap_channel_wake_released(void)
{
	struct vmitap_channel *channel = vmitap_channel_current;
	bool left = false;

	/* A thread that looked at the epoch just before it changed, and sleeps just after we woke, is the
	 * reason to come again. */
	for (uint32_t i = 0; channel && i < VMITAP_RING_COUNT; i++) {
		const struct vmitap_ring *ring = &channel->rings[i];

		if (!vmitap_load_acquire(&ring->producer.state->sync_parked) ||
		    vmitap_load_relaxed(&ring->waits_in_epoch) == epoch)
			continue;
		syscall(SYS_futex, vmitap_sync_futex(&ring->producer), FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
		left = true;
	}
	return left;
}

void vmitap_channel_forked(bool firing)
{
	struct vmitap_channel *channel = vmitap_channel_current;
	int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;

	vmitap_store_relaxed(&vmitap_channel_current, NULL);
	if (!channel)
		return;
	if (!firing) {
		discard(channel);
		return;
	}
	vmitap_descriptor_close(&channel->guest_memory);
	vmitap_descriptor_close(&channel->host_memory);
	vmitap_descriptor_close(&channel->doorbell);
	mmap(channel->guest, channel->guest_size, PROT_READ | PROT_WRITE, fixed, -1, 0);
	mmap(channel->host, channel->host_size, PROT_READ, fixed, -1, 0);
}

void vmitap_channel_notify(const struct vmitap_channel *channel)
{
	uint64_t one = 1;

	/* write(2) itself, as write(3) is a cancellation point, and a trigger must not become one. */
	if (vmitap_descriptor_is_ours(&channel->doorbell))
		syscall(SYS_write, channel->doorbell.fd, &one, sizeof(one));
}
