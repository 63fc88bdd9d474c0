// SPDX-License-Identifier: GPL-2.0
/* netfront_hook.ko: a trigger for each packet that xen-netfront receives and sends, and two for TCP's segments. */
#include <linux/module.h>

#include "devices.h"
#include "hooks.h"

static int __init netfront_hook_init(void)
{
	int error = devices_start();

	if (error)
		return error;
	if (!devices_netfront)
		pr_info("netfront_hook: there is no device of xen-netfront yet; packet.rx and packet.tx wait for one\n");
	error = hooks_start();
	if (error)
		devices_stop();
	return error;
}

static void __exit netfront_hook_exit(void)
{
	hooks_stop();
	devices_stop();
}

module_init(netfront_hook_init);
module_exit(netfront_hook_exit);
MODULE_DESCRIPTION("vmitap: triggers for the packets of xen-netfront");
MODULE_LICENSE("GPL");
