/* SPDX-License-Identifier: GPL-2.0 */
/* Which network devices are xen-netfront's: they come, go and are renamed as they like. */
#ifndef NETFRONT_HOOK_DEVICES_H
#define NETFRONT_HOOK_DEVICES_H

#include <linux/netdevice.h>
#include <linux/rculist.h>

/* The operations of xen-netfront's devices; NULL as long as there is none. */
extern const struct net_device_ops *devices_netfront;

static inline bool device_is_netfront(const struct net_device *device)
{
	/* With seen() in devices.c: the address alone is looked at. A device that is only made up has no operations. */
	return device && device->netdev_ops && device->netdev_ops == READ_ONCE(devices_netfront);
}

/*
 * The queue that this NAPI instance of the device serves. Under RCU. Each of a device's instances serves one; that of queue 0
 * was added first and stands last.
 */
static inline u16 device_queue_of_napi(const struct net_device *device, unsigned int napi_id)
{
	const struct napi_struct *napi;
	u16 queue = 0;

	list_for_each_entry_rcu(napi, &device->napi_list, dev_list) {
		if (napi->napi_id != napi_id)
			continue;
		list_for_each_entry_continue_rcu(napi, &device->napi_list, dev_list)
			queue++;
		return queue;
	}
	return 0;
}

/* Follows devices. 0 or a negative errno. */
int devices_start(void);
void devices_stop(void);

#endif /* NETFRONT_HOOK_DEVICES_H */
