/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One channel of xen_abi.h: the regions that an address space shares with dom0, the directory that lists
 * them, and the event channel. Process context, one caller at a time, but for vmitap_channel_notify().
 */
#ifndef VMITAP_CHANNEL_H
#define VMITAP_CHANNEL_H

#include <linux/interrupt.h>
#include <xen/interface/event_channel.h>

#include "region.h"
#include "vmitap/barrier.h"
#include "vmitap/ring_layout.h"
#include "vmitap/xen_abi.h"

struct vmitap_channel {
	char node[16]; /* its name below VMITAP_XENSTORE_DIRECTORY */
	struct vmitap_region guest, host, catalog, replies, requests;
	struct vmitap_region directory_pages;
	struct vmitap_directory *directory;
	evtchn_port_t port;
	int irq;
	irq_handler_t handler;
	void *context;
	bool advertised;
};

struct vmitap_channel_geometry {
	unsigned int rings, slots; /* slots of each ring */
	unsigned int catalog_pages;
	unsigned long page_table_root;
	unsigned int pid;
	const char *node, *name;
};

/*
 * Makes the channel and fills guest header and directory. handler(irq, context) runs in hardirq context
 * whenever the host notifies. 0 or a negative errno.
 */
int vmitap_channel_open(struct vmitap_channel *channel, const struct vmitap_channel_geometry *geometry,
			irq_handler_t handler, void *context);
void vmitap_channel_close(struct vmitap_channel *channel);

/* Pages that it pins, each of which is granted. */
unsigned int vmitap_channel_pages(const struct vmitap_channel *channel);

/*
 * The domain was restored or migrated, and so is another: grants, port and host are gone. Makes them anew for the
 * same pages; the host is not present. 0 or a negative errno: then try again.
 */
int vmitap_channel_renew(struct vmitap_channel *channel, unsigned long page_table_root);
/* Whether that has to be done. */
bool vmitap_channel_is_stale(const struct vmitap_channel *channel);
/* A host that still maps the directory sees that it is one no more. */
void vmitap_channel_retire(struct vmitap_channel *channel);

/* Any context. Does nothing in a domain that was restored and has not made a new channel yet. */
void vmitap_channel_notify(const struct vmitap_channel *channel);

/* Whether a host is attached. Any context. Acquire: with the host's store after it had set up its region. */
static inline bool vmitap_channel_present(const struct vmitap_channel *channel)
{
	const struct vmitap_host_header *header = channel->host.address;

	return vmitap_load_acquire(&header->present) == 1;
}

#endif /* VMITAP_CHANNEL_H */
