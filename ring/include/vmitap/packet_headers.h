/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the headers of a frame say, as struct packet: read in one way by netfront_hook.ko in the guest and by vmitap at
 * the guest's vif in dom0. C11, C++20 and kernel C.
 *
 * A frame is anybody's: each header is looked for before it is believed, and what is cut short, or odd, leaves zeroes.
 * Sources: IEEE 802.1Q; RFC 791, 8200, 4302, 9293, 768.
 */
#ifndef VMITAP_PACKET_HEADERS_H
#define VMITAP_PACKET_HEADERS_H

#include "vmitap/packet_abi.h"

#ifdef __KERNEL__
#include <linux/string.h>
#define VMITAP_ALWAYS_INLINE_ __always_inline
#else
#include <stdbool.h>
#include <string.h>
#define VMITAP_ALWAYS_INLINE_ inline __attribute__((always_inline))
#endif

/*
 * `size` bytes of the frame, `offset` bytes from its Ethernet header; NULL if it ends before. They stay until the next
 * call, and do not change meanwhile. Constants in, so that it is inlined and a header is a few moves.
 */
typedef const vmitap_u8 *vmitap_frame_bytes(void *frame, vmitap_u32 offset, vmitap_u32 size);

enum { VMITAP_FRAME_PIECE_MAX = 40 }; /* the most that is asked for at once */

enum {
	VMITAP_VLAN_TAGS_MAX_ = 2,
	/* A frame of 64 KB could hold 8000, and each would be looked up in its fragments. */
	VMITAP_EXTENSIONS_MAX_ = 32,

	VMITAP_ETHER_IPV4_ = 0x0800,
	VMITAP_ETHER_VLAN_ = 0x8100,
	VMITAP_ETHER_IPV6_ = 0x86dd,
	VMITAP_ETHER_SERVICE_VLAN_ = 0x88a8,

	VMITAP_IP_HOP_BY_HOP_ = 0,
	VMITAP_IP_TCP_ = 6,
	VMITAP_IP_UDP_ = 17,
	VMITAP_IP_DCCP_ = 33,
	VMITAP_IP_ROUTING_ = 43,
	VMITAP_IP_FRAGMENT_ = 44,
	VMITAP_IP_AUTHENTICATION_ = 51,
	VMITAP_IP_NOTHING_ = 59,
	VMITAP_IP_OPTIONS_ = 60,
	VMITAP_IP_SCTP_ = 132,
	VMITAP_IP_UDP_LITE_ = 136,
};

/* Headers one behind the other. */
struct vmitap_headers {
	void *frame;
	vmitap_frame_bytes *bytes;
	vmitap_u32 offset; /* of the next one */
};

static VMITAP_ALWAYS_INLINE_ const vmitap_u8 *vmitap_take_header_(struct vmitap_headers *at, vmitap_u32 size)
{
	const vmitap_u8 *const found = at->bytes(at->frame, at->offset, size);

	if (found)
		at->offset += size;
	return found;
}

static VMITAP_ALWAYS_INLINE_ vmitap_u16 vmitap_be16_(const vmitap_u8 *bytes)
{
	return VMITAP_CAST(vmitap_u16, bytes[0] << 8 | bytes[1]);
}

static VMITAP_ALWAYS_INLINE_ vmitap_u32 vmitap_be32_(const vmitap_u8 *bytes)
{
	return VMITAP_CAST(vmitap_u32, vmitap_be16_(bytes)) << 16 | vmitap_be16_(bytes + 2);
}

/* The EtherType behind all tags. `is_tagged`: a tag was taken out of the frame, and stands in `packet`. */
static VMITAP_ALWAYS_INLINE_ bool vmitap_take_ethernet_(struct vmitap_headers *at, struct packet *packet,
							bool is_tagged)
{
	const vmitap_u8 *header = vmitap_take_header_(at, 14);
	vmitap_u16 type;
	int tags;

	if (!header)
		return false;
	type = vmitap_be16_(header + 12);
	for (tags = 0; tags < VMITAP_VLAN_TAGS_MAX_; tags++) {
		if (type != VMITAP_ETHER_VLAN_ && type != VMITAP_ETHER_SERVICE_VLAN_)
			break;
		header = vmitap_take_header_(at, 4);
		if (!header)
			return false;
		if (!is_tagged)
			packet->vlan = vmitap_be16_(header);
		is_tagged = true;
		type = vmitap_be16_(header + 2);
	}
	packet->ether_type = type;
	return true;
}

/* rest: how many bytes follow the network header, as that tells; a frame may be padded. */
static VMITAP_ALWAYS_INLINE_ bool vmitap_take_ipv4_(struct vmitap_headers *at, struct packet *packet, vmitap_s64 *rest)
{
	const vmitap_u32 begin = at->offset;
	const vmitap_u8 *const ip = vmitap_take_header_(at, 20);
	vmitap_u32 size, fragment;

	if (!ip || ip[0] >> 4 != 4)
		return false;
	size = (ip[0] & 0xfu) * 4;
	if (size < 20)
		return false;
	packet->ip_version = 4;
	packet->ip_protocol = ip[9];
	packet->ttl = ip[8];
	packet->tos = ip[1];
	memcpy(packet->source, ip + 12, 4);
	memcpy(packet->destination, ip + 16, 4);
	fragment = vmitap_be16_(ip + 6);
	if (fragment & 0x1fff)
		packet->fragment = PACKET_LATER_FRAGMENT;
	else if (fragment & 0x2000)
		packet->fragment = PACKET_FIRST_FRAGMENT;
	*rest = VMITAP_CAST(vmitap_s64, vmitap_be16_(ip + 2)) - size;
	at->offset = begin + size;
	return true;
}

static VMITAP_ALWAYS_INLINE_ bool vmitap_is_extension_(vmitap_u8 protocol)
{
	switch (protocol) {
	case VMITAP_IP_HOP_BY_HOP_:
	case VMITAP_IP_ROUTING_:
	case VMITAP_IP_FRAGMENT_:
	case VMITAP_IP_AUTHENTICATION_:
	case VMITAP_IP_NOTHING_:
	case VMITAP_IP_OPTIONS_:
		return true;
	default:
		return false;
	}
}

/*
 * Up to the header that is none, whose number is the packet's protocol. If they are cut short, or too many, that is the
 * number of the one that is missing.
 */
static VMITAP_ALWAYS_INLINE_ bool vmitap_take_extensions_(struct vmitap_headers *at, struct packet *packet)
{
	int left;

	for (left = VMITAP_EXTENSIONS_MAX_; vmitap_is_extension_(packet->ip_protocol); left--) {
		const vmitap_u32 begin = at->offset;
		const vmitap_u8 *header;
		vmitap_u32 units, fragment;

		if (!left || packet->ip_protocol == VMITAP_IP_NOTHING_)
			return false;
		if (packet->ip_protocol == VMITAP_IP_FRAGMENT_) {
			header = vmitap_take_header_(at, 8);
			if (!header)
				return false;
			packet->ip_protocol = header[0];
			fragment = vmitap_be16_(header + 2);
			if (fragment & 0xfff8) {
				packet->fragment = PACKET_LATER_FRAGMENT;
				return true; /* what follows is no header */
			}
			if (fragment & 1)
				packet->fragment = PACKET_FIRST_FRAGMENT;
			continue;
		}
		header = vmitap_take_header_(at, 2);
		if (!header)
			return false;
		units = header[1];
		at->offset = begin + (packet->ip_protocol == VMITAP_IP_AUTHENTICATION_ ? (units + 2) * 4 : (units + 1) * 8);
		packet->ip_protocol = header[0];
	}
	return true;
}

static VMITAP_ALWAYS_INLINE_ bool vmitap_take_ipv6_(struct vmitap_headers *at, struct packet *packet, vmitap_s64 *rest)
{
	const vmitap_u8 *const ip = vmitap_take_header_(at, 40);
	const vmitap_u32 begin = at->offset;

	if (!ip || ip[0] >> 4 != 6)
		return false;
	packet->ip_version = 6;
	packet->ip_protocol = ip[6];
	packet->ttl = ip[7];
	packet->tos = VMITAP_CAST(vmitap_u8, vmitap_be16_(ip) >> 4);
	memcpy(packet->source, ip + 8, 16);
	memcpy(packet->destination, ip + 24, 16);
	*rest = vmitap_be16_(ip + 4);
	if (!vmitap_take_extensions_(at, packet))
		return false;
	*rest -= at->offset - begin;
	return true;
}

/* The headers of all of these begin with the two ports, which are there even if the rest is cut off. */
static VMITAP_ALWAYS_INLINE_ bool vmitap_take_ports_(struct vmitap_headers *at, struct packet *packet, vmitap_s64 rest)
{
	const vmitap_u8 *const ports = rest < 4 ? NULL : vmitap_take_header_(at, 4);

	if (!ports)
		return false;
	packet->source_port = vmitap_be16_(ports);
	packet->destination_port = vmitap_be16_(ports + 2);
	return true;
}

static VMITAP_ALWAYS_INLINE_ vmitap_u32 vmitap_payload_(vmitap_s64 rest, vmitap_s64 header)
{
	return rest > header ? VMITAP_CAST(vmitap_u32, rest - header) : 0;
}

static VMITAP_ALWAYS_INLINE_ void vmitap_take_tcp_(struct vmitap_headers *at, struct packet *packet, vmitap_s64 rest)
{
	const vmitap_u8 *const tcp = rest < 20 ? NULL : vmitap_take_header_(at, 20);
	vmitap_s64 size;

	if (!tcp) {
		vmitap_take_ports_(at, packet, rest);
		return;
	}
	packet->source_port = vmitap_be16_(tcp);
	packet->destination_port = vmitap_be16_(tcp + 2);
	packet->tcp_sequence = vmitap_be32_(tcp + 4);
	packet->tcp_acknowledged = vmitap_be32_(tcp + 8);
	packet->tcp_flags = vmitap_be16_(tcp + 12) & 0xfff;
	packet->tcp_window = vmitap_be16_(tcp + 14);
	size = (tcp[12] >> 4) * 4;
	if (size >= 20)
		packet->payload = vmitap_payload_(rest, size);
}

static VMITAP_ALWAYS_INLINE_ void vmitap_take_transport_(struct vmitap_headers *at, struct packet *packet,
							 vmitap_s64 rest)
{
	if (packet->fragment == PACKET_LATER_FRAGMENT)
		return;
	switch (packet->ip_protocol) {
	case VMITAP_IP_TCP_:
		vmitap_take_tcp_(at, packet, rest);
		break;
	case VMITAP_IP_UDP_:
	case VMITAP_IP_UDP_LITE_:
		if (vmitap_take_ports_(at, packet, rest))
			packet->payload = vmitap_payload_(rest, 8);
		break;
	case VMITAP_IP_SCTP_:
	case VMITAP_IP_DCCP_:
		vmitap_take_ports_(at, packet, rest);
		break;
	default:
		break;
	}
}

/*
 * Fills in what stands in the headers, from ether_type to payload, which are zero before; if `is_tagged` the outermost
 * VLAN tag is no longer in the frame, and packet->vlan is.
 */
static VMITAP_ALWAYS_INLINE_ void vmitap_read_headers(struct packet *packet, bool is_tagged, void *frame,
						      vmitap_frame_bytes *bytes)
{
	struct vmitap_headers at = { frame, bytes, 0 };
	vmitap_s64 rest = 0;

	if (!vmitap_take_ethernet_(&at, packet, is_tagged))
		return;
	if ((packet->ether_type == VMITAP_ETHER_IPV4_ && vmitap_take_ipv4_(&at, packet, &rest)) ||
	    (packet->ether_type == VMITAP_ETHER_IPV6_ && vmitap_take_ipv6_(&at, packet, &rest)))
		vmitap_take_transport_(&at, packet, rest);
}

#endif /* VMITAP_PACKET_HEADERS_H */
