/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * /dev/vmitap: a program's way to dom0 through its domain's kernel. Each open file may have one channel of
 * its own (xen_abi.h), advertised under the program's PID:
 *
 *	fd = open("/dev/vmitap", O_RDWR | O_CLOEXEC)
 *	ioctl(fd, VMITAP_DEVICE_OPEN, &channel)		makes it, advertises it
 *	mmap(guest_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, VMITAP_DEVICE_GUEST)
 *	mmap(host_size, PROT_READ, MAP_SHARED, fd, VMITAP_DEVICE_HOST)
 *	ioctl(fd, VMITAP_DEVICE_PUBLISH, &catalog)	what the program has, whenever that changes
 *	poll(fd, POLLIN)				the host asks for something, came or went
 *	read(fd, message, VMITAP_MAILBOX_MESSAGE_MAX)	one request (control_abi.h), whole
 *	write(fd, message, size)			its answer, whole
 *
 * A child of fork() inherits the descriptor but not the mappings. The channel goes when the program that made it
 * closes a descriptor of the file, at the latest when it ends. Directory, catalog and mailbox are the kernel's:
 * a program can neither name pages nor page tables that are not its own.
 */
#ifndef VMITAP_DEVICE_ABI_H
#define VMITAP_DEVICE_ABI_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#include "vmitap/control_abi.h"
#include "vmitap/ring_abi.h"

#define VMITAP_DEVICE_PATH "/dev/vmitap"
#define VMITAP_DEVICE_ABI_VERSION 1u

/* Offsets for mmap. */
#define VMITAP_DEVICE_GUEST 0x00000000u
#define VMITAP_DEVICE_HOST 0x40000000u

struct vmitap_device_channel {
	/* in */
	vmitap_u32 abi_version; /* VMITAP_DEVICE_ABI_VERSION */
	vmitap_u32 rings;
	vmitap_u32 slots_per_ring;
	vmitap_u32 catalog_pages;
	char name[VMITAP_NAME_MAX]; /* with a NUL */
	/* out: the guest's header is filled; its clock is VMITAP_CLOCK_TSC */
	vmitap_u64 guest_size;
	vmitap_u64 host_size;
	vmitap_u32 pid; /* as the domain's initial PID namespace counts it */
	vmitap_u32 reserved;
};

struct vmitap_device_catalog {
	vmitap_u64 address; /* of messages back to back, as vmitap_directory.catalog_size says */
	vmitap_u64 size;
};

struct vmitap_device_wait {
	vmitap_u32 ring;
	vmitap_u32 reserved;
	vmitap_u64 ticket;
	vmitap_u64 deadline_ns; /* of CLOCK_MONOTONIC */
};

/* EINVAL: the version or the geometry; EBUSY: the program has a channel; ENOMEM, ENOSPC: no memory, no grants. */
#define VMITAP_DEVICE_OPEN _IOWR('V', 0x60, struct vmitap_device_channel)
/* E2BIG: more than catalog_pages hold. Tells the host. */
#define VMITAP_DEVICE_PUBLISH _IOW('V', 0x61, struct vmitap_device_catalog)
/* Notifies the host. Async-signal-safe. */
#define VMITAP_DEVICE_KICK _IO('V', 0x62)
/* Sleeps until sync_answered of the ring reaches the ticket. ETIMEDOUT; ENODEV: no host is present; EINTR.
 * Set vmitap_ring_state.sync_parked before: it makes the host notify. Async-signal-safe. */
#define VMITAP_DEVICE_WAIT _IOW('V', 0x63, struct vmitap_device_wait)
/* 1: a host is present. What has been asked for, poll() tells no more until it changes. */
#define VMITAP_DEVICE_PRESENT _IOR('V', 0x64, vmitap_u32)

VMITAP_ABI_ASSERT(sizeof(struct vmitap_device_channel) == 16 + VMITAP_NAME_MAX + 24);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_device_catalog) == 16);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_device_wait) == 24);

#endif /* VMITAP_DEVICE_ABI_H */
