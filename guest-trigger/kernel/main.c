// SPDX-License-Identifier: GPL-2.0
/* vmitap.ko: offers the triggers and marks of this domain's kernel modules to a vmitap in dom0. */
#include <linux/module.h>
#include <xen/xen.h>

#include "device.h"
#include "image.h"
#include "log.h"
#include "plan.h"
#include "registry.h"
#include "state.h"

static int __init vmitap_init(void)
{
	int error;

	if (!xen_domain() || xen_initial_domain()) {
		vmitap_err("this is no domU of a Xen host\n");
		return -ENODEV;
	}
	vmitap_image_find();
	error = vmitap_state_start();
	if (error)
		return error;
	error = vmitap_registry_start();
	if (error)
		goto down;
	error = vmitap_device_start();
	if (error)
		goto deaf;
	return 0;
deaf:
	vmitap_registry_stop();
down:
	vmitap_state_stop();
	return error;
}

static void __exit vmitap_exit(void)
{
	/* Whoever holds sites or an open file holds us, so there are none any more. */
	vmitap_device_stop();
	vmitap_registry_stop();
	vmitap_state_stop();
	vmitap_plans_drain();
}

module_init(vmitap_init);
module_exit(vmitap_exit);
MODULE_DESCRIPTION("vmitap: this domain's marked variables and triggers, for dom0");
MODULE_LICENSE("GPL");
