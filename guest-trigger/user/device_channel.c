/* SPDX-License-Identifier: MIT */
#include "device_channel.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmitap/device_abi.h"

/* One MiB that nothing else of the domain can use, and 256 of its grants: a compromise. */
enum { RINGS = 32, RING_SLOTS = 512 };

/* ioctl(2) itself: sanitizers and debuggers of the program have no part in it. */
static long command(const struct vmitap_descriptor *file, unsigned long number, void *argument)
{
	if (vmitap_descriptor_is_ours(file))
		return syscall(SYS_ioctl, file->fd, number, argument);
	errno = EBADF;
	return -1;
}

static void notify(const struct vmitap_channel *channel)
{
	command(&channel->doorbell, VMITAP_DEVICE_KICK, NULL);
}

static bool wait(const struct vmitap_ring *ring, uint64_t ticket, uint64_t seen, const struct timespec *deadline)
{
	struct vmitap_device_wait wanted = {
		.ring = (vmitap_u32)(ring - ring->channel->rings),
		.ticket = ticket,
		.deadline_ns = (vmitap_u64)deadline->tv_sec * 1000000000u + (vmitap_u64)deadline->tv_nsec,
	};

	(void)seen;
	return command(&ring->channel->doorbell, VMITAP_DEVICE_WAIT, &wanted) == 0 || errno == EINTR;
}

static const struct vmitap_transport transport = { .notify = notify, .wait = wait };

static void *map(int file, size_t size, int protection, off_t what)
{
	void *region = mmap(NULL, size, protection, MAP_SHARED, file, what);

	return region == MAP_FAILED ? NULL : region;
}

struct vmitap_channel *vmitap_device_channel_make(int file, const char *name, uint32_t catalog_pages)
{
	struct vmitap_device_channel wanted = { .abi_version = VMITAP_DEVICE_ABI_VERSION,
						.rings = RINGS,
						.slots_per_ring = RING_SLOTS,
						.catalog_pages = catalog_pages };
	struct vmitap_channel *channel;
	int error;

	memcpy(wanted.name, name, sizeof(wanted.name));
	if (syscall(SYS_ioctl, file, VMITAP_DEVICE_OPEN, &wanted))
		return NULL;
	channel = vmitap_channel_new(&transport, RINGS, RING_SLOTS);
	if (!channel)
		return NULL;
	channel->guest_size = wanted.guest_size;
	channel->host_size = wanted.host_size;
	channel->guest = map(file, channel->guest_size, PROT_READ | PROT_WRITE, VMITAP_DEVICE_GUEST);
	channel->host = map(file, channel->host_size, PROT_READ, VMITAP_DEVICE_HOST);
	if (channel->guest && channel->host)
		return channel;
	error = errno;
	vmitap_channel_free(channel);
	errno = error;
	return NULL;
}

void vmitap_device_channel_add(struct vmitap_channel *channel, const struct vmitap_descriptor *file)
{
	const struct vmitap_guest_header header = *channel->guest; /* the kernel's, and nobody's to change but ours */

	channel->doorbell = *file;
	vmitap_channel_add(channel, &header);
}

bool vmitap_device_channel_present(const struct vmitap_channel *channel)
{
	const struct vmitap_host_header *header = channel->host;

	/* Pairs with the host's store when its region is set up (AttachedChannel::set_present). */
	return vmitap_load_acquire(&header->present) == 1;
}

void vmitap_device_channel_forked(struct vmitap_channel *channel, bool firing)
{
	if (firing)
		return; /* memory of its own takes its place (vmitap_channel_void) */
	channel->guest = NULL;
	channel->host = NULL;
}
