// SPDX-License-Identifier: GPL-2.0
#include "xenstore.h"

#include <linux/kernel.h>
#include <xen/xenbus.h>

#include "log.h"

static void path_of(const struct vmitap_channel *channel, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", VMITAP_XENSTORE_DIRECTORY, channel->node);
}

static int write_keys(struct xenbus_transaction transaction, const struct vmitap_channel *channel, const char *path)
{
	return xenbus_printf(transaction, path, "abi", "%u", VMITAP_XEN_ABI_VERSION) ?:
	       xenbus_printf(transaction, path, "directory", "%u", channel->directory_pages.grefs[0]) ?:
	       xenbus_printf(transaction, path, "port", "%u", channel->port) ?:
	       xenbus_printf(transaction, path, "name", "%s", channel->directory->name);
}

int vmitap_xenstore_advertise(struct vmitap_channel *channel)
{
	struct xenbus_transaction transaction;
	char path[64];
	int error;

	path_of(channel, path, sizeof(path));
	do {
		error = xenbus_transaction_start(&transaction);
		if (error)
			return error;
		error = write_keys(transaction, channel, path);
		if (error) {
			xenbus_transaction_end(transaction, 1);
			return error;
		}
		error = xenbus_transaction_end(transaction, 0);
	} while (error == -EAGAIN);
	channel->advertised = !error;
	return error;
}

void vmitap_xenstore_withdraw(struct vmitap_channel *channel)
{
	int error;

	if (!channel->advertised)
		return;
	/* One removal takes all that stands below, as one. A restored domain has none of it. */
	error = xenbus_rm(XBT_NIL, VMITAP_XENSTORE_DIRECTORY, channel->node);
	WRITE_ONCE(channel->advertised, false);
	if (error && error != -ENOENT)
		vmitap_warn("cannot remove %s/%s from xenstore: %d\n", VMITAP_XENSTORE_DIRECTORY, channel->node,
			    error);
}
