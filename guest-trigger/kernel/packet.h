/* SPDX-License-Identifier: GPL-2.0 */
/* What can be done with the packet of a packet trigger: filtered, and copied from. */
#ifndef VMITAP_PACKET_H
#define VMITAP_PACKET_H

#include <linux/types.h>

#include "vmitap/control_abi.h"

struct bpf_prog;
struct sk_buff;
struct vmitap_record;

/* A checked program, or an error pointer; NULL without steps. Sleeps. */
struct bpf_prog *vmitap_filter_create(const struct vmitap_filter_step *steps, u32 count);
/* NULL is fine. May be called from an RCU callback. */
void vmitap_filter_destroy(struct bpf_prog *filter);
/* Preemption is off. */
bool vmitap_filter_passes(const struct bpf_prog *filter, struct sk_buff *packet);

/* Appends size bytes from the given byte of its Ethernet header on, zeroes behind its end. */
void vmitap_packet_append(struct vmitap_record *record, const struct sk_buff *packet, u64 from, u32 size);

#endif /* VMITAP_PACKET_H */
