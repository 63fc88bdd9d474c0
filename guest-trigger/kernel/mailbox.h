/* SPDX-License-Identifier: GPL-2.0 */
/* Requests and replies of a channel (xen_abi.h). Process context, one caller at a time. */
#ifndef VMITAP_MAILBOX_H
#define VMITAP_MAILBOX_H

#include "channel.h"

/* The host's request as we copied it: it cannot change any more while it is looked at. */
struct vmitap_request {
	u32 sequence;
	struct vmitap_message header __aligned(8); /* its size is in range */
	u8 body[VMITAP_MAILBOX_MESSAGE_MAX - sizeof(struct vmitap_message)] __aligned(8);
};

/* The message is one piece, for who hands it on (device.c). */
static_assert(offsetof(struct vmitap_request, body) ==
	      offsetof(struct vmitap_request, header) + sizeof(struct vmitap_message));

/* Any context. */
bool vmitap_mailbox_pending(const struct vmitap_channel *channel);
/* Takes a new request. False: there is none, or it was malformed, which the host has been told. */
bool vmitap_mailbox_take(struct vmitap_channel *channel, struct vmitap_request *request);
/* Answers a request with a message: at most VMITAP_MAILBOX_MESSAGE_MAX bytes. */
void vmitap_mailbox_answer(struct vmitap_channel *channel, u32 sequence, const void *message, u32 size);
/* Answers with DONE if the reason is 0, else with REFUSED. */
void vmitap_mailbox_conclude(struct vmitap_channel *channel, u32 sequence, struct vmitap_refused refused);

#endif /* VMITAP_MAILBOX_H */
