/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of our own in a program that does not know of them. It may close them (a daemon that
 * closes all there are) and open something else under the same number, so each is known by its inode
 * and asked for it before it is used. They stand high, where a program hardly gets to.
 */
#ifndef VMITAP_DESCRIPTOR_H
#define VMITAP_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

struct vmitap_descriptor {
	int fd; /* -1: none */
	uint64_t device, inode;
};

#define VMITAP_NO_DESCRIPTOR { .fd = -1 }

/* Takes over fd; -1 gives none. */
struct vmitap_descriptor vmitap_descriptor_keep(int fd);
/* Whether it still is what it was. Async-signal-safe. */
bool vmitap_descriptor_is_ours(const struct vmitap_descriptor *descriptor);
/* Closes it, if it is ours. */
void vmitap_descriptor_close(struct vmitap_descriptor *descriptor);

#endif /* VMITAP_DESCRIPTOR_H */
