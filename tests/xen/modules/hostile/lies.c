// SPDX-License-Identifier: GPL-2.0
#include "lies.h"

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <xen/balloon.h>
#include <xen/events.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

#include <asm/xen/hypercall.h>

#include "mailbox.h"

/* The channel. */

static void no_magic(struct vmitap_channel *channel)
{
	channel->directory->magic = 0x12345678;
}

static void abi_in_directory(struct vmitap_channel *channel)
{
	channel->directory->abi_version = 77;
}

static void giant_counts(struct vmitap_channel *channel)
{
	channel->directory->guest_pages = channel->directory->host_pages = channel->directory->catalog_pages = ~0u;
}

static void no_counts(struct vmitap_channel *channel)
{
	channel->directory->guest_pages = channel->directory->host_pages = 0;
}

static void grefs_wrong(struct vmitap_channel *channel)
{
	unsigned int i;

	for (i = 0; i < channel->guest.count; i++)
		channel->directory->grefs[i] = hostile_random();
}

/* The kernel's own table still says that they are ours to end. */
static void grefs_revoked(struct vmitap_channel *channel)
{
	unsigned int i;

	for (i = 0; i < channel->guest.count; i++)
		gnttab_end_foreign_access_ref(channel->guest.grefs[i]);
}

static void directory_loop(struct vmitap_channel *channel)
{
	channel->directory->catalog_pages = VMITAP_DIRECTORY_GREFS_FIRST;
	channel->directory->next = channel->directory_pages.grefs[0];
}

static void directory_short(struct vmitap_channel *channel)
{
	channel->directory->catalog_pages = VMITAP_DIRECTORY_GREFS_FIRST;
	channel->directory->next = 0;
}

static void no_page_table(struct vmitap_channel *channel)
{
	channel->directory->page_table_root = 0xfffffffff000;
}

static void rings_giant(struct vmitap_channel *channel)
{
	struct vmitap_guest_header *header = channel->guest.address;

	header->ring_count = ~0u;
	header->slots_per_ring = 1u << 31;
	header->slots_offset = ~0ull;
}

static void rings_abi(struct vmitap_channel *channel)
{
	struct vmitap_guest_header *header = channel->guest.address;

	header->abi_version = 77;
}

static void no_clock(struct vmitap_channel *channel)
{
	channel->directory->clock.version = 1;
}

static void kernel_wild(struct vmitap_channel *channel)
{
	struct vmitap_kernel_image *kernel = &channel->directory->kernel;

	kernel->btf_size = ~0ull >> 1;
	kernel->vmcoreinfo_size = ~0ull >> 1;
	kernel->cpus = ~0u;
}

static void kernel_nowhere(struct vmitap_channel *channel)
{
	struct vmitap_kernel_image *kernel = &channel->directory->kernel;

	kernel->btf = kernel->vmcoreinfo = kernel->per_cpu_offset = 0x8000000000001ull;
}

/* The catalog. */

static void bend_marks(struct vmitap_channel *channel, u64 variable, u64 size)
{
	u8 *at = channel->catalog.address, *end = at + channel->directory->catalog_size;
	struct vmitap_message *message;
	struct vmitap_site *site;

	for (; at < end; at += ALIGN(message->size, 8)) {
		message = (struct vmitap_message *)at;
		if (message->type != VMITAP_MARK_SITE)
			continue;
		site = (struct vmitap_site *)(message + 1);
		site->variable = variable;
		if (size)
			site->size = size;
	}
}

static void mark_null(struct vmitap_channel *channel)
{
	bend_marks(channel, 0, 0);
}

static void mark_not_canonical(struct vmitap_channel *channel)
{
	bend_marks(channel, 0x1234567800000000, 0);
}

/* Behind all memory that the domain can have. */
static void mark_outside(struct vmitap_channel *channel)
{
	bend_marks(channel, PAGE_OFFSET + (1ull << 45), 0);
}

static void mark_wraps(struct vmitap_channel *channel)
{
	bend_marks(channel, ~0ull - 1, 0);
}

static void mark_giant(struct vmitap_channel *channel)
{
	bend_marks(channel, PAGE_OFFSET, 1ull << 40);
}

/* Where a PC has its HPET. Mapped once, for as long as the kernel runs. */
static void mark_mmio(struct vmitap_channel *channel)
{
	static void __iomem *registers;

	if (!registers)
		registers = ioremap(0xfed00000, PAGE_SIZE);
	bend_marks(channel, (unsigned long)registers, 0);
}

/* A page of which the memory was given back to Xen. Taken once, too. */
static void mark_ballooned(struct vmitap_channel *channel)
{
	static struct page *page;

	if (!page && xen_alloc_unpopulated_pages(1, &page))
		page = NULL;
	bend_marks(channel, page ? (unsigned long)page_address(page) : 0, 0);
}

static void message_giant(struct vmitap_channel *channel)
{
	struct vmitap_message *message = channel->catalog.address;

	message->size = ~0u;
}

static void message_small(struct vmitap_channel *channel)
{
	struct vmitap_message *message = channel->catalog.address;

	message->size = 0;
}

static void catalog_giant(struct vmitap_channel *channel)
{
	channel->directory->catalog_size = ~0ull;
}

static void catalog_odd(struct vmitap_channel *channel)
{
	channel->directory->catalog_version |= 1;
}

static void catalog_nonsense(struct vmitap_channel *channel)
{
	u64 *word = channel->catalog.address;
	unsigned int i;

	for (i = 0; i < channel->catalog.count * VMITAP_PAGE_SIZE / sizeof(*word); i++)
		word[i] = hostile_random();
	channel->directory->catalog_size = channel->catalog.count * VMITAP_PAGE_SIZE;
}

/* The store. */

#define NODE VMITAP_XENSTORE_DIRECTORY "/" VMITAP_XENSTORE_KERNEL

static void abi_in_store(struct vmitap_channel *channel)
{
	xenbus_printf(XBT_NIL, NODE, "abi", "%u", 77);
}

static void store_garbage(struct vmitap_channel *channel)
{
	xenbus_write(XBT_NIL, NODE, "directory", "\033[31m-1; rm -rf /");
	xenbus_write(XBT_NIL, NODE, "port", "99999999999999999999");
}

static void store_absent(struct vmitap_channel *channel)
{
	xenbus_rm(XBT_NIL, NODE, "directory");
}

static void store_huge(struct vmitap_channel *channel)
{
	static char name[3000];
	char node[16];
	unsigned int i;

	memset(name, 'A', sizeof(name) - 1);
	xenbus_write(XBT_NIL, NODE, "name", name);
	/* Xenstored's quota of a domain's nodes is what ends this. */
	for (i = 100000; i < 101000; i++) {
		snprintf(node, sizeof(node), "%u", i);
		if (xenbus_write(XBT_NIL, VMITAP_XENSTORE_DIRECTORY, node, "x"))
			break;
	}
	while (i-- > 100300) {
		snprintf(node, sizeof(node), "%u", i);
		xenbus_rm(XBT_NIL, VMITAP_XENSTORE_DIRECTORY, node);
	}
}

static void gref_in_store(struct vmitap_channel *channel)
{
	xenbus_printf(XBT_NIL, NODE, "directory", "%u", 0x7fffffff);
}

static void port_closed(struct vmitap_channel *channel)
{
	struct evtchn_alloc_unbound port = { .dom = DOMID_SELF, .remote_dom = 0 };
	struct evtchn_close close;

	if (HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &port))
		return;
	close.port = port.port;
	HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
	xenbus_printf(XBT_NIL, NODE, "port", "%u", port.port);
}

static void port_giant(struct vmitap_channel *channel)
{
	xenbus_printf(XBT_NIL, NODE, "port", "%u", ~0u);
}

static const struct hostile_lie lies[] = {
	{ .name = "none" },
	{ .name = "no-magic", .channel = no_magic },
	{ .name = "abi-in-directory", .channel = abi_in_directory },
	{ .name = "giant-counts", .channel = giant_counts },
	{ .name = "no-counts", .channel = no_counts },
	{ .name = "grefs-wrong", .channel = grefs_wrong },
	{ .name = "grefs-revoked", .channel = grefs_revoked },
	{ .name = "directory-loop", .channel = directory_loop },
	{ .name = "directory-short", .channel = directory_short },
	{ .name = "directory-shifts", .round = hostile_shift_directory, .at_once = true },
	{ .name = "no-page-table", .channel = no_page_table },
	{ .name = "rings-giant", .channel = rings_giant },
	{ .name = "rings-abi", .channel = rings_abi },
	{ .name = "no-clock", .channel = no_clock },
	{ .name = "kernel-wild", .channel = kernel_wild },
	{ .name = "kernel-nowhere", .channel = kernel_nowhere },
	{ .name = "mark-null", .catalog = mark_null },
	{ .name = "mark-not-canonical", .catalog = mark_not_canonical },
	{ .name = "mark-outside", .catalog = mark_outside },
	{ .name = "mark-wraps", .catalog = mark_wraps },
	{ .name = "mark-giant", .catalog = mark_giant },
	{ .name = "mark-mmio", .catalog = mark_mmio },
	{ .name = "mark-ballooned", .catalog = mark_ballooned },
	{ .name = "message-giant", .catalog = message_giant },
	{ .name = "message-small", .catalog = message_small },
	{ .name = "catalog-giant", .catalog = catalog_giant },
	{ .name = "catalog-odd", .catalog = catalog_odd },
	{ .name = "catalog-nonsense", .catalog = catalog_nonsense },
	{ .name = "catalog-shifts", .round = hostile_shift_catalog },
	{ .name = "abi-in-store", .store = abi_in_store },
	{ .name = "store-garbage", .store = store_garbage },
	{ .name = "store-absent", .store = store_absent },
	{ .name = "store-huge", .store = store_huge },
	{ .name = "gref-in-store", .store = gref_in_store },
	{ .name = "port-closed", .store = port_closed },
	{ .name = "port-giant", .store = port_giant },
	{ .name = "mailbox-silent", .answer = ANSWER_NEVER },
	{ .name = "mailbox-nonsense", .answer = ANSWER_NONSENSE },
	{ .name = "scribble", .round = hostile_scribble },
	{ .name = "forge", .round = hostile_forge },
	{ .name = "storm", .round = hostile_storm },
};

const struct hostile_lie *hostile_lie(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lies); i++)
		if (!strcmp(name, lies[i].name))
			return &lies[i];
	return NULL;
}
