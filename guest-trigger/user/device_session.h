/* SPDX-License-Identifier: MIT */
/*
 * The host in dom0, for a program in a Xen domain whose kernel has vmitap.ko: what the program has is published
 * through /dev/vmitap, and what the host asks for is answered there. Without the device, or without the right to open
 * it, nothing is there to be served, and it is looked for again now and then. The agent's thread; under the state lock
 * but where it says so.
 */
#ifndef VMITAP_DEVICE_SESSION_H
#define VMITAP_DEVICE_SESSION_H

#include <poll.h>
#include <stdbool.h>

/* Publishes news, answers requests, notices that the host came or went. */
void vmitap_device_serve(void);
/* True: vmitap_device_open() is to be called. */
bool vmitap_device_wanted(void);
/* Without the state lock: makes the channel, which waits for the kernel. */
void vmitap_device_open(void);
/* What to wait for, and for how long at most, as poll(2) takes it. */
struct pollfd vmitap_device_poll(void);
int vmitap_device_patience(void);
/* In a forked child, before vmitap_channel_forked(): the device's channel is its parent's. */
void vmitap_device_forked(bool firing);

#endif /* VMITAP_DEVICE_SESSION_H */
