// SPDX-License-Identifier: GPL-2.0
#include "packet.h"

#include <linux/if_ether.h>
#include <linux/skbuff.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/tcp.h>

const u8 *packet_collect(struct packet_frame *frame, u32 offset, u32 size)
{
	const int at = frame->begin + (int)offset;

	if (at + (int)size > (int)frame->skb->len || skb_copy_bits(frame->skb, at, frame->piece, size))
		return NULL;
	return frame->piece;
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
