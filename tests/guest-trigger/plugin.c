/* SPDX-License-Identifier: MIT */
/* A shared object with a mark and a trigger, to be loaded and unloaded. */
#include "vmitap/mark.h"
#include "vmitap/trigger.h"

void plugin_fire(unsigned long count);

static unsigned long plugin_count;
VMITAP_MARK(plugin_count);

void plugin_fire(unsigned long count)
{
	while (count--) {
		plugin_count++;
		VMITAP_TRIGGER(plugged, plugin_count);
	}
}
