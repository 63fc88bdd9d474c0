/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a record tells of a packet. The values are the packet's own, in host byte order but for addresses, which stand
 * as on the wire. Nothing here is trusted: headers that are cut short, or odd, leave zeroes.
 */
#ifndef NETFRONT_HOOK_PACKET_H
#define NETFRONT_HOOK_PACKET_H

#include <linux/if.h>
#include <linux/types.h>

struct net_device;
struct sk_buff;
struct sock;

enum packet_direction { PACKET_RECEIVED = 1, PACKET_SENT = 2 };

/* linux/skbuff.h, ip_summed. */
enum packet_checksum {
	PACKET_CHECKSUM_NONE = 0,	 /* received: to be checked; sent: it stands in the packet */
	PACKET_CHECKSUM_UNNECESSARY = 1, /* received: the backend vouches for it */
	PACKET_CHECKSUM_COMPLETE = 2,
	PACKET_CHECKSUM_PARTIAL = 3, /* sent: the backend has to fill it in; received: it never was */
};

/* What the network layer tells. */
enum packet_fragment {
	PACKET_WHOLE = 0,
	PACKET_FIRST_FRAGMENT = 1,
	PACKET_LATER_FRAGMENT = 2, /* has no ports */
};

struct packet {
	enum packet_direction direction;
	u32 length; /* bytes, with the Ethernet header, without its checksum; of a GSO packet of the whole */
	u32 linear; /* how many of them stand in the skb's head */
	u16 queue;
	u16 ether_type; /* behind VLAN tags */
	u16 vlan;	/* tag control information of the outermost tag, 0 without one */
	u16 gso_size;	/* payload bytes of each segment, 0: no GSO packet */
	u16 gso_segments;
	u16 checksum_start; /* PARTIAL: from the Ethernet header on */
	enum packet_checksum checksum;
	enum packet_fragment fragment;
	u8 ip_version; /* 4, 6; 0: neither, and nothing below is set */
	u8 ip_protocol; /* IPv6: behind extension headers */
	u8 ttl;
	u8 tos;
	u8 source[16]; /* IPv4: the first four */
	u8 destination[16];
	u16 source_port; /* TCP, UDP, UDP-Lite, SCTP, DCCP */
	u16 destination_port;
	u32 tcp_sequence;
	u32 tcp_acknowledged;
	u16 tcp_window; /* as it stands in the header, unscaled */
	u16 tcp_flags;	/* the 12 bits from the reserved ones down to FIN */
	u32 payload;	/* bytes behind the TCP or UDP header */
	u32 interface;	/* index of the device */
	char device[IFNAMSIZ];
};

/* Of a packet whose skb->data is at or behind its Ethernet header. */
struct packet packet_describe(const struct sk_buff *skb, const struct net_device *device,
			      enum packet_direction direction, u16 queue);
/* Of a segment that is about to be sent again: it has no headers yet; they are told by its socket. */
struct packet packet_describe_segment(const struct sk_buff *skb, const struct sock *sk);

#endif /* NETFRONT_HOOK_PACKET_H */
