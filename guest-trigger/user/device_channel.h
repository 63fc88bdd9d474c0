/* SPDX-License-Identifier: MIT */
/* The channel for dom0, of a program in a Xen domain: pages of the domain's kernel (device_abi.h). */
#ifndef VMITAP_DEVICE_CHANNEL_H
#define VMITAP_DEVICE_CHANNEL_H

#include <stdbool.h>

#include "channel.h"

/*
 * Makes the channel that the open file of /dev/vmitap is to have, and maps it. Takes the file over as its doorbell
 * once it is added. The kernel waits for xenstore meanwhile, so this is called without the state lock. NULL: errno.
 */
struct vmitap_channel *vmitap_device_channel_make(int file, const char *name, uint32_t catalog_pages);
/* Puts it among the channels. State lock. */
void vmitap_device_channel_add(struct vmitap_channel *channel, const struct vmitap_descriptor *file);
/* Whether a host is there. */
bool vmitap_device_channel_present(const struct vmitap_channel *channel);
/* In a forked child, before vmitap_channel_forked(): what the parent maps did not come along. */
void vmitap_device_channel_forked(struct vmitap_channel *channel, bool firing);

#endif /* VMITAP_DEVICE_CHANNEL_H */
