/* SPDX-License-Identifier: MIT */
#include "device_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "device_channel.h"
#include "registry.h"
#include "session.h"
#include "vmitap/device_abi.h"
#include "vmitap/xen_abi.h"

enum {
	/* One open(2), and only in a domain: the module may be loaded later, its device be made ours to open. */
	LOOK_AGAIN_MS = 2000,
	/* The domain had no memory or no grants left for one more channel. */
	TRY_AGAIN_MS = 30000,
	CATALOG_PAGES_MIN = 4,
};

static struct {
	struct vmitap_session session;
	struct vmitap_descriptor file; /* until the channel has it */
	struct vmitap_channel *made; /* without the lock; joins the others in the next round */
	struct vmitap_channel *channel;
	char name[VMITAP_NAME_MAX];
	uint32_t catalog_pages;
	uint64_t published; /* generation of the registry that the host can see */
	bool is_small;	    /* the catalog does not fit */
	struct timespec next_look;
} device = { .file = VMITAP_NO_DESCRIPTOR };

static struct timespec in_ms(int milliseconds)
{
	struct timespec then;

	clock_gettime(CLOCK_MONOTONIC, &then);
	then.tv_sec += milliseconds / 1000;
	return then;
}

static int ms_until(const struct timespec *then)
{
	struct timespec now;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (int64_t)(then->tv_sec - now.tv_sec) * 1000 + (then->tv_nsec - now.tv_nsec) / 1000000;
	return left > 0 ? (int)left + 1 : 0;
}

/* xen-hypervisor sysfs (Documentation/ABI/stable/sysfs-hypervisor-xen): what runs this kernel. */
static bool is_in_domain(void)
{
	char type[8] = "";
	int fd = open("/sys/hypervisor/type", O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return false;
	size = read(fd, type, sizeof(type) - 1);
	close(fd);
	return size >= 3 && strncmp(type, "xen", 3) == 0;
}

static bool may_attach(const struct vmitap_session *session)
{
	(void)session;
	return true; /* dom0 needs nobody's leave */
}

static bool is_over(const struct vmitap_session *session)
{
	/* A host that asks to attach is another one than that which was attached (xen_abi.h). */
	(void)session;
	return !vmitap_device_channel_present(device.channel);
}

static int use_channel(struct vmitap_session *session)
{
	(void)session;
	vmitap_channel_use(device.channel);
	return 0;
}

static bool tell_attached(struct vmitap_session *session)
{
	vmitap_outbox_put(&session->outbox, VMITAP_DONE, NULL, 0, NULL, 0);
	return true;
}

static void detached(struct vmitap_session *session)
{
	(void)session;
}

static const struct vmitap_session_way way = {
	.may_attach = may_attach,
	.is_over = is_over,
	.use_channel = use_channel,
	.tell_attached = tell_attached,
	.detached = detached,
};

/* The messages of the outbox as a catalog has them, each padded to 8 bytes. The caller's to free; NULL: no memory. */
static unsigned char *pad(const struct vmitap_outbox *outbox, size_t *size)
{
	struct vmitap_message header;
	unsigned char *catalog;
	size_t at = 0;

	/* No message is smaller than its header, so padding doubles none. */
	catalog = outbox->broken ? NULL : calloc(2, outbox->end);
	for (size_t from = 0; catalog && from < outbox->end; from += header.size) {
		memcpy(&header, outbox->bytes + from, sizeof(header));
		memcpy(catalog + at, outbox->bytes + from, header.size);
		at += (header.size + 7u) & ~(size_t)7;
	}
	*size = at;
	return catalog;
}

static unsigned char *make_catalog(size_t *size)
{
	struct vmitap_outbox outbox = { 0 };
	unsigned char *catalog;

	vmitap_registry_list(&outbox);
	catalog = pad(&outbox, size);
	vmitap_outbox_free(&outbox);
	return catalog;
}

static void publish(void)
{
	const uint64_t generation = vmitap_registry_generation();
	struct vmitap_device_catalog where = { 0 };
	unsigned char *catalog;
	size_t size;

	if (device.published == generation || device.is_small)
		return;
	catalog = make_catalog(&size);
	where.address = (uintptr_t)catalog;
	where.size = size;
	if (catalog && ioctl(device.channel->doorbell.fd, VMITAP_DEVICE_PUBLISH, &where) == 0)
		device.published = generation;
	else if (catalog && errno == E2BIG)
		device.is_small = true;
	free(catalog);
}

/* The kernel takes it out of xenstore when the file is closed, and has its pages back when we map them no more. */
static void close_channel(void)
{
	vmitap_session_detach(&device.session);
	vmitap_channel_void(device.channel);
	device.channel = NULL;
	device.next_look = (struct timespec){ 0 };
}

static void close_file(int again_ms)
{
	vmitap_descriptor_close(&device.file);
	device.next_look = in_ms(again_ms);
}

/* False: the channel is at its end. */
static bool answer(void)
{
	static _Alignas(8) unsigned char packet[VMITAP_MAILBOX_MESSAGE_MAX];
	struct vmitap_outbox *outbox = &device.session.outbox;
	const struct vmitap_message *header = (const void *)packet;
	const int fd = device.channel->doorbell.fd;
	ssize_t size;

	while ((size = read(fd, packet, sizeof(packet))) >= (ssize_t)sizeof(*header)) {
		/* A host that attaches came after the one that was attached, and who has gone arms nothing. */
		if (header->type == VMITAP_ATTACH)
			vmitap_session_detach(&device.session);
		if (!vmitap_device_channel_present(device.channel))
			vmitap_session_refuse(&device.session, VMITAP_REFUSED_MESSAGE, 0);
		else
			vmitap_session_answer(&device.session, header->type, header + 1,
					      (size_t)size - sizeof(*header));
		/* One message answers one; without memory for it the host waits in vain, and says so. */
		if (!outbox->broken && write(fd, outbox->bytes, outbox->end) < 0)
			return false;
		vmitap_outbox_free(outbox);
	}
	return size < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool serve(void)
{
	vmitap_u32 present;

	publish();
	if (!answer())
		return false;
	/* Asked last: from here on poll() tells when it changes, also for who attached just now. */
	if (ioctl(device.channel->doorbell.fd, VMITAP_DEVICE_PRESENT, &present))
		return false;
	if (!present)
		vmitap_session_detach(&device.session);
	/* A larger one, if nobody minds. */
	return !device.is_small || present;
}

void vmitap_device_serve(void)
{
	if (device.made) {
		vmitap_device_channel_add(device.made, &device.file);
		device.file.fd = -1;
		device.channel = device.made;
		device.made = NULL;
	} else if (device.file.fd >= 0) {
		close_file(TRY_AGAIN_MS);
	}
	if (device.channel && (!vmitap_descriptor_is_ours(&device.channel->doorbell) || !serve()))
		close_channel();
}

bool vmitap_device_wanted(void)
{
	unsigned char *catalog;
	size_t size;

	/* A channel takes memory from the domain: nobody gets one who has nothing to show. */
	if (device.channel || !vmitap_registry_generation() || ms_until(&device.next_look) > 0)
		return false;
	device.next_look = in_ms(LOOK_AGAIN_MS);
	device.file = vmitap_descriptor_keep(open(VMITAP_DEVICE_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK));
	if (device.file.fd < 0)
		return false;
	catalog = make_catalog(&size);
	free(catalog);
	if (!catalog) {
		close_file(TRY_AGAIN_MS);
		return false;
	}
	device.catalog_pages = CATALOG_PAGES_MIN + 2 * (uint32_t)(size / VMITAP_PAGE_SIZE);
	device.is_small = false;
	device.published = 0;
	device.session.way = &way;
	device.session.host = VMITAP_HOST_IN_DOM0;
	vmitap_session_name(device.name);
	return true;
}

void vmitap_device_open(void)
{
	device.made = vmitap_device_channel_make(device.file.fd, device.name, device.catalog_pages);
}

struct pollfd vmitap_device_poll(void)
{
	return (struct pollfd){ .fd = device.channel ? device.channel->doorbell.fd : -1, .events = POLLIN };
}

int vmitap_device_patience(void)
{
	static enum { UNKNOWN, ELSEWHERE, IN_DOMAIN } place;

	if (place == UNKNOWN)
		place = is_in_domain() ? IN_DOMAIN : ELSEWHERE;
	return place == IN_DOMAIN && !device.channel && vmitap_registry_generation() ? ms_until(&device.next_look) : -1;
}

void vmitap_device_forked(bool firing)
{
	if (device.channel)
		vmitap_device_channel_forked(device.channel, firing);
	if (device.made) {
		vmitap_device_channel_forked(device.made, false);
		vmitap_channel_free(device.made);
	}
	device.made = NULL;
	device.channel = NULL;
	vmitap_descriptor_close(&device.file);
	vmitap_outbox_free(&device.session.outbox);
	device.next_look = (struct timespec){ 0 };
}
