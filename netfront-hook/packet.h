/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel knows of a packet, as struct packet (vmitap/packet_abi.h). */
#ifndef NETFRONT_HOOK_PACKET_H
#define NETFRONT_HOOK_PACKET_H

#include <vmitap/packet_abi.h>

struct net_device;
struct sk_buff;
struct sock;

/* Of a packet whose skb->data is at or behind its Ethernet header. */
void packet_describe(struct packet *packet, const struct sk_buff *skb, const struct net_device *device,
		     enum packet_direction direction, u16 queue);
/* Of a segment that is sent again: as TCP keeps it, it has no headers; they are told by its socket. */
struct packet packet_describe_segment(const struct sk_buff *skb, const struct sock *sk);

#endif /* NETFRONT_HOOK_PACKET_H */
