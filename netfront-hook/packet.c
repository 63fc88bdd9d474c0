// SPDX-License-Identifier: GPL-2.0
#include "packet.h"

#include <linux/build_bug.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/tcp.h>
#include <vmitap/packet_headers.h>
#include <vmitap/packet_trigger.h>

static_assert(VMITAP_PACKET_DEVICE_MAX == IFNAMSIZ);

/* Its headers stand in one piece as a rule, but need not; skb->data may stand behind its begin. */
struct frame {
	const u8 *linear;
	u32 linear_size;
	const struct sk_buff *skb;
	int begin;
	u8 piece[VMITAP_FRAME_PIECE_MAX];
};

static noinline const u8 *collect(struct frame *frame, u32 offset, u32 size)
{
	const int at = frame->begin + (int)offset;

	if (at + (int)size > (int)frame->skb->len || skb_copy_bits(frame->skb, at, frame->piece, size))
		return NULL;
	return frame->piece;
}

static __always_inline const u8 *frame_bytes(void *context, u32 offset, u32 size)
{
	struct frame *frame = context;

	return likely(offset + size <= frame->linear_size) ? frame->linear + offset : collect(frame, offset, size);
}

static void name_device(struct packet *packet, const struct net_device *device)
{
	packet->interface = device->ifindex;
	/* It may be renamed meanwhile: then this is a mixture, but ends. Two moves, where strscpy() looks at each byte. */
	memcpy(packet->device, device->name, sizeof(packet->device));
	packet->device[sizeof(packet->device) - 1] = '\0';
}

void packet_describe(struct packet *packet, const struct sk_buff *skb, const struct net_device *device,
		     enum packet_direction direction, u16 queue)
{
	const int begin = skb_mac_offset(skb);
	struct frame frame VMITAP_FILLED_LATER;

	frame.linear = skb->data + begin;
	frame.linear_size = skb_headlen(skb) - begin;
	frame.skb = skb;
	frame.begin = begin;
	*packet = (struct packet){ .direction = direction, .queue = queue };
	packet->length = skb->len - begin;
	packet->linear = skb_headlen(skb) - begin;
	packet->gso_size = skb_shinfo(skb)->gso_size;
	packet->gso_segments = skb_shinfo(skb)->gso_segs;
	packet->checksum = skb->ip_summed;
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		packet->checksum_start = skb_checksum_start_offset(skb) - begin;
	if (skb_vlan_tag_present(skb))
		packet->vlan = skb_vlan_tag_get(skb);
	name_device(packet, device);
	vmitap_read_headers(packet, skb_vlan_tag_present(skb), &frame, frame_bytes);
	/* xen-netfront leaves it to the stack to count those of what it receives. */
	if (packet->gso_size && !packet->gso_segments)
		packet->gso_segments = DIV_ROUND_UP(packet->payload, packet->gso_size);
}

struct packet packet_describe_segment(const struct sk_buff *skb, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);
	const struct tcp_skb_cb *segment = TCP_SKB_CB(skb);
	struct packet packet = {
		.direction = PACKET_SENT,
		.length = skb->len,
		.linear = skb_headlen(skb),
		.gso_size = tcp_skb_mss(skb),
		.gso_segments = tcp_skb_pcount(skb),
		.checksum = skb->ip_summed,
		.ip_version = sk->sk_family == AF_INET6 ? 6 : 4,
		.ip_protocol = IPPROTO_TCP,
		.source_port = ntohs(inet->inet_sport),
		.destination_port = ntohs(inet->inet_dport),
		.tcp_sequence = segment->seq,
		.tcp_acknowledged = tcp_sk(sk)->rcv_nxt,
		.tcp_flags = segment->tcp_flags,
		.payload = skb->len,
	};

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr)) {
		packet.ether_type = ETH_P_IPV6;
		memcpy(packet.source, &sk->sk_v6_rcv_saddr, sizeof(packet.source));
		memcpy(packet.destination, &sk->sk_v6_daddr, sizeof(packet.destination));
		return packet;
	}
#endif
	packet.ip_version = 4;
	packet.ether_type = ETH_P_IP;
	memcpy(packet.source, &inet->inet_saddr, sizeof(inet->inet_saddr));
	memcpy(packet.destination, &inet->inet_daddr, sizeof(inet->inet_daddr));
	return packet;
}
