/* SPDX-License-Identifier: MIT */
/* The channel for hosts on this machine: memory of ours that they map, and an eventfd. Under the state lock. */
#ifndef VMITAP_MEMORY_CHANNEL_H
#define VMITAP_MEMORY_CHANNEL_H

#include <stdbool.h>

#define VMITAP_MEMORY_DESCRIPTORS 3

/* For a host that attaches: makes it, the first time, and uses it. 0 or an errno. */
int vmitap_memory_channel_open(void);
/* Guest region, host region, eventfd. */
void vmitap_memory_channel_descriptors(int descriptors[VMITAP_MEMORY_DESCRIPTORS]);
/* In a forked child, before vmitap_channel_forked(). */
void vmitap_memory_channel_forked(void);

#endif /* VMITAP_MEMORY_CHANNEL_H */
