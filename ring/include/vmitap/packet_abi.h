/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a record tells of a packet: the argument `packet` of the triggers packet.rx and packet.tx, whoever fires them,
 * netfront_hook.ko in the guest or vmitap at the guest's vif in dom0; and of the hook's tcp.segment and tcp.retransmit. The
 * latter's has no headers yet: length is the payload, interface and device are empty. Names and layout stand in every output.
 *
 * The values are the packet's own, in host byte order but for addresses, which stand as on the wire. Nothing here is
 * trusted: headers that are cut short, or odd, leave zeroes; so does what the one who fires cannot know.
 */
#ifndef VMITAP_PACKET_ABI_H
#define VMITAP_PACKET_ABI_H

#include "vmitap/ring_abi.h"

/* As the guest sees it. */
enum packet_direction { PACKET_RECEIVED = 1, PACKET_SENT = 2 };

/* Linux's skbuff.h, ip_summed. */
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

#define VMITAP_PACKET_DEVICE_MAX 16 /* IFNAMSIZ */

struct packet {
	enum packet_direction direction;
	vmitap_u32 length; /* bytes, with the Ethernet header, without its checksum; of a GSO packet of the whole */
	vmitap_u32 linear; /* how many of them stand in the skb's head */
	vmitap_u16 queue;
	vmitap_u16 ether_type;	   /* behind VLAN tags */
	vmitap_u16 vlan;	   /* tag control information of the outermost tag, 0 without one */
	vmitap_u16 gso_size;	   /* payload bytes of each segment, 0: no GSO packet */
	vmitap_u16 gso_segments;
	vmitap_u16 checksum_start; /* PARTIAL: from the Ethernet header on */
	enum packet_checksum checksum;
	enum packet_fragment fragment;
	vmitap_u8 ip_version;  /* 4, 6; 0: neither, and nothing below is set */
	vmitap_u8 ip_protocol; /* IPv6: behind extension headers */
	vmitap_u8 ttl;
	vmitap_u8 tos;
	vmitap_u8 source[16]; /* IPv4: the first four */
	vmitap_u8 destination[16];
	vmitap_u16 source_port; /* TCP, UDP, UDP-Lite, SCTP, DCCP */
	vmitap_u16 destination_port;
	vmitap_u32 tcp_sequence;
	vmitap_u32 tcp_acknowledged;
	vmitap_u16 tcp_window; /* as it stands in the header, unscaled */
	vmitap_u16 tcp_flags;  /* the 12 bits from the reserved ones down to FIN */
	vmitap_u32 payload;    /* bytes behind the TCP or UDP header */
	vmitap_u32 interface;  /* index of the device */
	char device[VMITAP_PACKET_DEVICE_MAX];
};

VMITAP_ABI_ASSERT(sizeof(enum packet_direction) == 4);
VMITAP_ABI_ASSERT(sizeof(enum packet_checksum) == 4);
VMITAP_ABI_ASSERT(sizeof(enum packet_fragment) == 4);
VMITAP_ABI_ASSERT(sizeof(struct packet) == 108);
VMITAP_ABI_ASSERT(offsetof(struct packet, length) == 4);
VMITAP_ABI_ASSERT(offsetof(struct packet, queue) == 12);
VMITAP_ABI_ASSERT(offsetof(struct packet, gso_size) == 18);
VMITAP_ABI_ASSERT(offsetof(struct packet, checksum) == 24);
VMITAP_ABI_ASSERT(offsetof(struct packet, ip_version) == 32);
VMITAP_ABI_ASSERT(offsetof(struct packet, source) == 36);
VMITAP_ABI_ASSERT(offsetof(struct packet, source_port) == 68);
VMITAP_ABI_ASSERT(offsetof(struct packet, tcp_sequence) == 72);
VMITAP_ABI_ASSERT(offsetof(struct packet, payload) == 84);
VMITAP_ABI_ASSERT(offsetof(struct packet, device) == 92);

#endif /* VMITAP_PACKET_ABI_H */
