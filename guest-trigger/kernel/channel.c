// SPDX-License-Identifier: GPL-2.0
#include "channel.h"

#include <linux/mm.h>
#include <linux/string.h>
#include <xen/events.h>
#include <xen/interface/xen.h>

#include <asm/xen/hypercall.h>

static unsigned int directory_pages(unsigned int grefs)
{
	if (grefs <= VMITAP_DIRECTORY_GREFS_FIRST)
		return 1;
	return 1 + DIV_ROUND_UP(grefs - VMITAP_DIRECTORY_GREFS_FIRST, VMITAP_DIRECTORY_GREFS_NEXT);
}

/* Where the index-th gref stands. */
static grant_ref_t *gref_at(struct vmitap_channel *channel, unsigned int index)
{
	struct vmitap_directory_next *next;

	if (index < VMITAP_DIRECTORY_GREFS_FIRST)
		return &channel->directory->grefs[index];
	index -= VMITAP_DIRECTORY_GREFS_FIRST;
	next = channel->directory_pages.address + VMITAP_PAGE_SIZE;
	return &next[index / VMITAP_DIRECTORY_GREFS_NEXT].grefs[index % VMITAP_DIRECTORY_GREFS_NEXT];
}

static unsigned int list_region(struct vmitap_channel *channel, unsigned int at, const struct vmitap_region *region)
{
	unsigned int i;

	for (i = 0; i < region->count; i++)
		*gref_at(channel, at + i) = region->grefs[i];
	return at + region->count;
}

static void fill_directory(struct vmitap_channel *channel, const struct vmitap_channel_geometry *geometry)
{
	struct vmitap_directory *directory = channel->directory;
	struct vmitap_directory_next *next = channel->directory_pages.address + VMITAP_PAGE_SIZE;
	const grant_ref_t *grefs = channel->directory_pages.grefs;
	unsigned int i, at = 0;

	directory->abi_version = VMITAP_XEN_ABI_VERSION;
	directory->flags = pgtable_l5_enabled() ? VMITAP_DIRECTORY_PAE5 : 0;
	directory->guest_pages = channel->guest.count;
	directory->host_pages = channel->host.count;
	directory->catalog_pages = channel->catalog.count;
	directory->page_table_root = geometry->page_table_root;
	directory->pid = geometry->pid;
	strscpy(directory->name, geometry->name, sizeof(directory->name));
	at = list_region(channel, at, &channel->guest);
	at = list_region(channel, at, &channel->host);
	at = list_region(channel, at, &channel->catalog);
	at = list_region(channel, at, &channel->replies);
	list_region(channel, at, &channel->requests);
	for (i = 1; i < channel->directory_pages.count; i++) {
		if (i == 1)
			directory->next = grefs[i];
		else
			next[i - 2].next = grefs[i];
	}
	directory->magic = VMITAP_DIRECTORY_MAGIC;
}

static int open_port(struct vmitap_channel *channel)
{
	struct evtchn_alloc_unbound port = { .dom = DOMID_SELF, .remote_dom = 0 };
	int error, irq;

	error = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &port);
	if (error)
		return error;
	irq = bind_evtchn_to_irqhandler(port.port, channel->handler, 0, "vmitap", channel->context);
	if (irq < 0) {
		struct evtchn_close close = { .port = port.port };

		HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
		return irq;
	}
	channel->port = port.port;
	channel->irq = irq;
	return 0;
}

static int open_regions(struct vmitap_channel *channel, const struct vmitap_channel_geometry *geometry)
{
	struct vmitap_guest_header header;
	unsigned int grefs, count;
	int error;

	vmitap_guest_layout(&header, geometry->rings, geometry->slots, VMITAP_CLOCK_TSC);
	grefs = header.region_size / VMITAP_PAGE_SIZE;
	count = vmitap_host_region_size(geometry->rings) / VMITAP_PAGE_SIZE;
	error = vmitap_region_open(&channel->guest, grefs, VMITAP_GUEST_WRITES) ?:
		vmitap_region_open(&channel->host, count, VMITAP_HOST_WRITES) ?:
		vmitap_region_open(&channel->catalog, geometry->catalog_pages, VMITAP_GUEST_WRITES) ?:
		vmitap_region_open(&channel->replies, VMITAP_MAILBOX_PAGES, VMITAP_GUEST_WRITES) ?:
		vmitap_region_open(&channel->requests, VMITAP_MAILBOX_PAGES, VMITAP_HOST_WRITES);
	if (error)
		return error;
	memcpy(channel->guest.address, &header, sizeof(header));
	grefs += count + geometry->catalog_pages + 2 * VMITAP_MAILBOX_PAGES;
	if (directory_pages(grefs) > VMITAP_DIRECTORY_PAGES_MAX)
		return -E2BIG;
	error = vmitap_region_open(&channel->directory_pages, directory_pages(grefs), VMITAP_GUEST_WRITES);
	if (error)
		return error;
	channel->directory = channel->directory_pages.address;
	fill_directory(channel, geometry);
	return 0;
}

int vmitap_channel_open(struct vmitap_channel *channel, const struct vmitap_channel_geometry *geometry,
			irq_handler_t handler, void *context)
{
	int error;

	memset(channel, 0, sizeof(*channel));
	strscpy(channel->node, geometry->node, sizeof(channel->node));
	channel->handler = handler;
	channel->context = context;
	error = open_regions(channel, geometry) ?: open_port(channel);
	if (error)
		vmitap_channel_close(channel);
	return error;
}

static void close_port(struct vmitap_channel *channel)
{
	if (channel->irq)
		unbind_from_irqhandler(channel->irq, channel->context);
	channel->irq = 0;
}

void vmitap_channel_close(struct vmitap_channel *channel)
{
	vmitap_channel_retire(channel);
	close_port(channel);
	vmitap_region_close(&channel->directory_pages);
	vmitap_region_close(&channel->requests);
	vmitap_region_close(&channel->replies);
	vmitap_region_close(&channel->catalog);
	vmitap_region_close(&channel->host);
	vmitap_region_close(&channel->guest);
	memset(channel, 0, sizeof(*channel));
}

unsigned int vmitap_channel_pages(const struct vmitap_channel *channel)
{
	return channel->guest.count + channel->host.count + channel->catalog.count + channel->replies.count +
	       channel->requests.count + channel->directory_pages.count;
}

void vmitap_channel_retire(struct vmitap_channel *channel)
{
	if (!channel->directory || !channel->irq)
		return;
	vmitap_store_release(&channel->directory->magic, 0u);
	vmitap_channel_notify(channel);
}

bool vmitap_channel_is_stale(const struct vmitap_channel *channel)
{
	/* A kernel that resumes elsewhere forgets which port each of its interrupts was. */
	return irq_from_evtchn(channel->port) != channel->irq;
}

int vmitap_channel_renew(struct vmitap_channel *channel, unsigned long page_table_root)
{
	/* The kernel's own mapping is read-only (region.c); here we stand in for the host, who cannot say that he is gone. */
	struct vmitap_host_header *header = page_address(channel->host.pages[0]);

	vmitap_store_relaxed(&header->present, 0);
	close_port(channel);
	vmitap_region_renew(&channel->guest);
	vmitap_region_renew(&channel->host);
	vmitap_region_renew(&channel->catalog);
	vmitap_region_renew(&channel->replies);
	vmitap_region_renew(&channel->requests);
	vmitap_region_renew(&channel->directory_pages);
	channel->directory->page_table_root = page_table_root;
	channel->advertised = false;
	return open_port(channel);
}

void vmitap_channel_notify(const struct vmitap_channel *channel)
{
	notify_remote_via_irq(channel->irq);
}
