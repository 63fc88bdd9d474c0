// SPDX-License-Identifier: GPL-2.0
#include "catalog.h"

#include <linux/align.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "log.h"
#include "registry.h"

struct writer {
	u8 *base;
	u64 size, at;
	bool full;
};

/* A message with its body and tail, padded to 8 bytes. What does not fit is left out; there is room for LISTED. */
static void put(struct writer *writer, u32 type, const void *body, u32 body_size, const void *tail, u32 tail_size)
{
	struct vmitap_message header = { .type = type, .size = sizeof(header) + body_size + tail_size };
	const u64 reserved = type == VMITAP_LISTED ? 0 : sizeof(header);
	u8 *at = writer->base + writer->at;

	if (ALIGN(header.size, 8) + reserved > writer->size - writer->at) {
		writer->full = true;
		return;
	}
	memcpy(at, &header, sizeof(header));
	memcpy(at + sizeof(header), body, body_size);
	memcpy(at + sizeof(header) + body_size, tail, tail_size);
	memset(at + header.size, 0, ALIGN(header.size, 8) - header.size);
	writer->at += ALIGN(header.size, 8);
}

/* The text stands behind the site and the pointer that carries the types (site.h). */
static const char *text_behind(const struct vmitap_kernel_site *site)
{
	return (const char *)(site + 1) + sizeof(void *);
}

static u32 flags_of(const struct vmitap_kernel_site *site)
{
	switch (site->kind) {
	case VMITAP_KERNEL_MARK_PER_CPU:
		return VMITAP_SITE_PER_CPU;
	case VMITAP_KERNEL_PACKET_TRIGGER:
		return VMITAP_SITE_PACKET;
	}
	return 0;
}

static void put_site(struct writer *writer, const struct vmitap_kernel_site *site)
{
	const bool trigger = vmitap_is_trigger(site);
	const struct vmitap_site wire = {
		.id = site->id,
		.module = site->origin->wire.id,
		.address = (uintptr_t)site,
		.variable = (uintptr_t)site->variable,
		.size = site->size,
		.line = site->line,
		.arguments = site->arguments | flags_of(site),
	};

	/* Its last NUL ends the text, and no argument. */
	put(writer, trigger ? VMITAP_TRIGGER_SITE : VMITAP_MARK_SITE, &wire, sizeof(wire), text_behind(site),
	    site->text_size - (trigger && site->arguments > 0));
}

/* A seqlock: the version is odd while we write. */
static void begin(struct vmitap_directory *directory)
{
	vmitap_store_relaxed(&directory->catalog_version, directory->catalog_version + 1);
	vmitap_write_fence();
}

static void end(struct vmitap_directory *directory, u64 size)
{
	vmitap_store_relaxed(&directory->catalog_size, size);
	vmitap_write_fence();
	vmitap_store_relaxed(&directory->catalog_version, directory->catalog_version + 1);
}

void vmitap_catalog_write(struct vmitap_channel *channel)
{
	struct writer writer = { .base = channel->catalog.address,
				 .size = (u64)channel->catalog.count * VMITAP_PAGE_SIZE };
	const struct vmitap_origin *origin;
	const struct vmitap_kernel_site *site;

	begin(channel->directory);
	list_for_each_entry(origin, &vmitap_origins, list)
		put(&writer, VMITAP_MODULE, &origin->wire, sizeof(origin->wire), origin->module->name,
		    strlen(origin->module->name));
	vmitap_for_each_site(origin, site)
		put_site(&writer, site);
	put(&writer, VMITAP_LISTED, NULL, 0, NULL, 0);
	end(channel->directory, writer.at);
	if (writer.full)
		vmitap_warn("the catalog is full: some triggers and marks are not seen; give more catalog_pages\n");
}

void vmitap_catalog_copy(struct vmitap_channel *channel, const void *from, u32 size)
{
	begin(channel->directory);
	memcpy(channel->catalog.address, from, size);
	end(channel->directory, size);
}
