// SPDX-License-Identifier: GPL-2.0
#include "devices.h"

#include <linux/device.h>
#include <linux/string.h>
#include <net/net_namespace.h>

const struct net_device_ops *devices_netfront;

/* xen-netfront's xenbus driver is called "vif". */
static bool is_vif(const struct net_device *device)
{
	const struct device *parent = device->dev.parent;

	return parent && parent->driver && parent->bus && !strcmp(parent->bus->name, "xen") &&
	       !strcmp(parent->driver->name, "vif");
}

static bool any_left(void)
{
	const struct net_device *device;
	const struct net *net;
	bool found = false;

	rcu_read_lock();
	for_each_net_rcu(net)
		for_each_netdev_rcu(net, device)
			found |= device_is_netfront(device);
	rcu_read_unlock();
	return found;
}

/*
 * Also of those that are there already: the notifier chain tells them anew to each who joins. When the last has gone
 * xen-netfront may be unloaded, and what stands at that address next is anybody's. That a device goes may be told twice.
 */
static int seen(struct notifier_block *block, unsigned long event, void *data)
{
	const struct net_device *device = netdev_notifier_info_to_dev(data);

	if (event == NETDEV_REGISTER && is_vif(device))
		WRITE_ONCE(devices_netfront, device->netdev_ops);
	if (event == NETDEV_UNREGISTER && device_is_netfront(device) && !any_left())
		WRITE_ONCE(devices_netfront, NULL);
	return NOTIFY_DONE;
}

static struct notifier_block notice = { .notifier_call = seen };

int devices_start(void)
{
	return register_netdevice_notifier(&notice);
}

void devices_stop(void)
{
	unregister_netdevice_notifier(&notice);
}
