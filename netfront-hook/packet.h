/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel knows of a packet, as struct packet (vmitap/packet_abi.h). */
#ifndef NETFRONT_HOOK_PACKET_H
#define NETFRONT_HOOK_PACKET_H

#include <linux/build_bug.h>
#include <linux/if.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <vmitap/packet_headers.h>
#include <vmitap/packet_trigger.h>

static_assert(VMITAP_PACKET_DEVICE_MAX == IFNAMSIZ);

/* Its headers stand in one piece as a rule, but need not; skb->data may stand behind its begin. */
struct packet_frame {
	const u8 *linear;
	u32 linear_size;
	const struct sk_buff *skb;
	int begin;
	u8 piece[VMITAP_FRAME_PIECE_MAX];
};

/* Such a piece, put together, or NULL. */
const u8 *packet_collect(struct packet_frame *frame, u32 offset, u32 size);

static __always_inline const u8 *packet_frame_bytes(void *context, u32 offset, u32 size)
{
	struct packet_frame *frame = context;

	return likely(offset + size <= frame->linear_size) ? frame->linear + offset : packet_collect(frame, offset, size);
}

/*
 * What a packet need not have: all but what stands before the queue and from the interface on. In pieces that are a few
 * moves each: at the whole of it the compiler takes the string instruction, which is slow to begin.
 */
static __always_inline void packet_clear(struct packet *packet)
{
	enum { BEGIN = offsetof(struct packet, queue), END = offsetof(struct packet, interface), PIECE = 40 };
	u8 *const bytes = (u8 *)packet;

	static_assert(END - BEGIN <= 2 * PIECE);
	memset(bytes + BEGIN, 0, PIECE);
	memset(bytes + BEGIN + PIECE, 0, END - BEGIN - PIECE);
}

static inline void packet_name_device(struct packet *packet, const struct net_device *device)
{
	packet->interface = device->ifindex;
	/* It may be renamed meanwhile: then this is a mixture, but ends. Two moves, where strscpy() looks at each byte. */
	memcpy(packet->device, device->name, sizeof(packet->device));
	packet->device[sizeof(packet->device) - 1] = '\0';
}

/* Of a packet whose skb->data is at or behind its Ethernet header. Inlined, as it is done for each packet. */
static __always_inline void packet_describe(struct packet *packet, const struct sk_buff *skb,
					    const struct net_device *device, enum packet_direction direction, u16 queue)
{
	const int begin = skb_mac_offset(skb);
	struct packet_frame frame VMITAP_FILLED_LATER;

	frame.linear = skb->data + begin;
	frame.linear_size = skb_headlen(skb) - begin;
	frame.skb = skb;
	frame.begin = begin;
	packet_clear(packet);
	packet->direction = direction;
	packet->queue = queue;
	packet->length = skb->len - begin;
	packet->linear = skb_headlen(skb) - begin;
	packet->gso_size = skb_shinfo(skb)->gso_size;
	packet->gso_segments = skb_shinfo(skb)->gso_segs;
	packet->checksum = skb->ip_summed;
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		packet->checksum_start = skb_checksum_start_offset(skb) - begin;
	if (skb_vlan_tag_present(skb))
		packet->vlan = skb_vlan_tag_get(skb);
	packet_name_device(packet, device);
	vmitap_read_headers(packet, skb_vlan_tag_present(skb), &frame, packet_frame_bytes);
	/* xen-netfront leaves it to the stack to count those of what it receives. */
	if (packet->gso_size && !packet->gso_segments)
		packet->gso_segments = DIV_ROUND_UP(packet->payload, packet->gso_size);
}

/* Of a segment that is sent again: as TCP keeps it, it has no headers; they are told by its socket. */
struct packet packet_describe_segment(const struct sk_buff *skb, const struct sock *sk);

#endif /* NETFRONT_HOOK_PACKET_H */
