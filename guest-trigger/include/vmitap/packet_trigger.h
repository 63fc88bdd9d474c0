/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * VMITAP_PACKET_TRIGGER(attachment, packet, prepare, name, arguments...);   Linux kernel modules only
 *
 * As VMITAP_TRIGGER(name, arguments...), of a packet (struct sk_buff *) with an Ethernet header: the host may
 * give it a filter in tcpdump's language and may ask for the packet's first bytes. attachment (const struct
 * vmitap_attachment *, or NULL) is what brings packets here: attached while the trigger is armed. All else is evaluated only while somebody
 * listens: the packet, which may then turn out to be none (NULL); the expression prepare, then the arguments, if it
 * passes. Of the first argument, a variable, only name and type are used: prepare writes its value straight to where the record is
 * taken from, VMITAP_FIRST_ARGUMENT(type), as a packet's description is too large to be copied for nothing. Any context but NMI; the packet is nobody else's meanwhile, and stays as it is. skb->data stands at its MAC
 * header, which is set, or behind it.
 */
#ifndef VMITAP_PACKET_TRIGGER_H
#define VMITAP_PACKET_TRIGGER_H

#include "trigger.h"

#define VMITAP_FIRST_ARGUMENT(type) ((type *)vmitap_values)

#define VMITAP_PACKET_TRIGGER(attachment, packet, prepare, ...) \
	VMITAP_PACKET_COUNTED_(attachment, packet, prepare, VMITAP_COUNT_(__VA_ARGS__), ##__VA_ARGS__)
#define VMITAP_PACKET_COUNTED_(attachment, packet, prepare, n, ...) \
	VMITAP_PACKET_SPELLED_(attachment, packet, prepare, n, ##__VA_ARGS__)
#define VMITAP_PACKET_SPELLED_(attachment, packet, prepare, n, ...) \
	VMITAP_PACKET_HERE_(attachment, packet, prepare, n, VMITAP_TEXT_##n(, ##__VA_ARGS__), __VA_ARGS__)
#define VMITAP_PACKET_HERE_(attachment_, packet_, prepare, n, text_, ...)                                           \
	do {                                                                                                       \
		struct sk_buff *vmitap_packet;                                                                     \
		VMITAP_SITE_HERE_(VMITAP_KERNEL_PACKET_TRIGGER, attachment_,                                       \
				  (vmitap_packet = (packet_)) && vmitap_packet_wanted(vmitap_site, vmitap_packet), \
				  prepare, VMITAP_COPY_BUT_FIRST_,                                                 \
				  vmitap_packet_fire(vmitap_site, vmitap_values, vmitap_packet), n, text_, __VA_ARGS__); \
	} while (0)

#define VMITAP_COPY_BUT_FIRST_(i, a) VMITAP_COPY_BUT_FIRST_HERE_(i, a)
#define VMITAP_COPY_BUT_FIRST_HERE_(i, a) \
	if (i > 1) {                      \
		VMITAP_COPY_(i, a)        \
	}

#endif /* VMITAP_PACKET_TRIGGER_H */
