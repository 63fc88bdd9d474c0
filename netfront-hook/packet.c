// SPDX-License-Identifier: GPL-2.0
#include "packet.h"

#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#define VLAN_TAGS_MAX 2

/* Reads headers one behind the other; offset counts from skb->data and may be negative. */
struct cursor {
	const struct sk_buff *skb;
	int offset;
};

static bool take(struct cursor *at, void *header, int size)
{
	const void *found;

	if (at->offset + size > (int)at->skb->len)
		return false;
	found = skb_header_pointer(at->skb, at->offset, size, header);
	if (!found)
		return false;
	if (found != header)
		memcpy(header, found, size);
	at->offset += size;
	return true;
}

/* The EtherType behind all tags. */
static bool take_ethernet(struct cursor *at, struct packet *packet)
{
	struct ethhdr ethernet;
	struct vlan_hdr tag;
	__be16 type;
	int tags;

	if (!take(at, &ethernet, sizeof(ethernet)))
		return false;
	type = ethernet.h_proto;
	if (skb_vlan_tag_present(at->skb))
		packet->vlan = skb_vlan_tag_get(at->skb);
	for (tags = 0; tags < VLAN_TAGS_MAX && eth_type_vlan(type); tags++) {
		if (!take(at, &tag, sizeof(tag)))
			return false;
		if (!packet->vlan)
			packet->vlan = ntohs(tag.h_vlan_TCI);
		type = tag.h_vlan_encapsulated_proto;
	}
	packet->ether_type = ntohs(type);
	return true;
}

/* How many bytes follow the network header, as that tells; a frame may be padded. */
static bool take_ipv4(struct cursor *at, struct packet *packet, int *rest)
{
	const int begin = at->offset;
	struct iphdr ip;
	u16 fragment;

	if (!take(at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return false;
	packet->ip_version = 4;
	packet->ip_protocol = ip.protocol;
	packet->ttl = ip.ttl;
	packet->tos = ip.tos;
	memcpy(packet->source, &ip.saddr, sizeof(ip.saddr));
	memcpy(packet->destination, &ip.daddr, sizeof(ip.daddr));
	fragment = ntohs(ip.frag_off);
	if (fragment & IP_OFFSET)
		packet->fragment = PACKET_LATER_FRAGMENT;
	else if (fragment & IP_MF)
		packet->fragment = PACKET_FIRST_FRAGMENT;
	at->offset = begin + ip.ihl * 4;
	*rest = ntohs(ip.tot_len) - ip.ihl * 4;
	return true;
}

static bool take_ipv6(struct cursor *at, struct packet *packet, int *rest)
{
	const int begin = at->offset;
	struct ipv6hdr ip;
	__be16 fragment = 0;
	u8 protocol;
	int upper;

	if (!take(at, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	packet->ip_version = 6;
	packet->ttl = ip.hop_limit;
	packet->tos = ipv6_get_dsfield(&ip);
	memcpy(packet->source, &ip.saddr, sizeof(ip.saddr));
	memcpy(packet->destination, &ip.daddr, sizeof(ip.daddr));
	protocol = ip.nexthdr;
	upper = ipv6_skip_exthdr(at->skb, at->offset, &protocol, &fragment);
	packet->ip_protocol = protocol;
	if (ntohs(fragment) & IP6_OFFSET)
		packet->fragment = PACKET_LATER_FRAGMENT;
	else if (ntohs(fragment) & IP6_MF)
		packet->fragment = PACKET_FIRST_FRAGMENT;
	if (upper < 0)
		return false; /* cut short */
	at->offset = upper;
	*rest = begin + (int)sizeof(ip) + ntohs(ip.payload_len) - upper;
	return true;
}

static void take_tcp(struct cursor *at, struct packet *packet, int rest)
{
	struct tcphdr tcp;

	if (!take(at, &tcp, sizeof(tcp)))
		return;
	packet->source_port = ntohs(tcp.source);
	packet->destination_port = ntohs(tcp.dest);
	packet->tcp_sequence = ntohl(tcp.seq);
	packet->tcp_acknowledged = ntohl(tcp.ack_seq);
	packet->tcp_window = ntohs(tcp.window);
	packet->tcp_flags = ntohl(tcp_flag_word(&tcp)) >> 16 & 0xfff;
	packet->payload = max(rest - tcp.doff * 4, 0);
}

static void take_udp(struct cursor *at, struct packet *packet, int rest)
{
	struct udphdr udp;

	if (!take(at, &udp, sizeof(udp)))
		return;
	packet->source_port = ntohs(udp.source);
	packet->destination_port = ntohs(udp.dest);
	packet->payload = max(rest - (int)sizeof(udp), 0);
}

/* Their headers begin with the two ports. */
static void take_ports(struct cursor *at, struct packet *packet)
{
	__be16 ports[2];

	if (!take(at, ports, sizeof(ports)))
		return;
	packet->source_port = ntohs(ports[0]);
	packet->destination_port = ntohs(ports[1]);
}

static void take_transport(struct cursor *at, struct packet *packet, int rest)
{
	if (packet->fragment == PACKET_LATER_FRAGMENT)
		return;
	switch (packet->ip_protocol) {
	case IPPROTO_TCP:
		return take_tcp(at, packet, rest);
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return take_udp(at, packet, rest);
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return take_ports(at, packet);
	}
}

static void take_network(struct cursor *at, struct packet *packet)
{
	int rest = 0;

	if (packet->ether_type == ETH_P_IP && take_ipv4(at, packet, &rest))
		take_transport(at, packet, rest);
	else if (packet->ether_type == ETH_P_IPV6 && take_ipv6(at, packet, &rest))
		take_transport(at, packet, rest);
}

static void name_device(struct packet *packet, const struct net_device *device)
{
	packet->interface = device->ifindex;
	/* It may be renamed meanwhile: then this is a mixture, but ends. */
	strscpy_pad(packet->device, device->name, sizeof(packet->device));
}

struct packet packet_describe(const struct sk_buff *skb, const struct net_device *device,
			      enum packet_direction direction, u16 queue)
{
	const int begin = skb_mac_offset(skb);
	struct cursor at = { .skb = skb, .offset = begin };
	struct packet packet = {
		.direction = direction,
		.length = skb->len - begin,
		.linear = skb_headlen(skb) - begin,
		.queue = queue,
		.gso_size = skb_shinfo(skb)->gso_size,
		.gso_segments = skb_shinfo(skb)->gso_segs,
		.checksum = skb->ip_summed,
	};

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		packet.checksum_start = skb_checksum_start_offset(skb) - begin;
	name_device(&packet, device);
	if (take_ethernet(&at, &packet))
		take_network(&at, &packet);
	return packet;
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
