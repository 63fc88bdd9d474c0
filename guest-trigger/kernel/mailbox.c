// SPDX-License-Identifier: GPL-2.0
#include "mailbox.h"

#include <linux/string.h>

bool vmitap_mailbox_pending(const struct vmitap_channel *channel)
{
	const struct vmitap_mailbox *requests = channel->requests.address, *replies = channel->replies.address;

	/* Acquire: with the host's release, after it wrote the message. */
	return vmitap_load_acquire(&requests->sequence) != vmitap_load_relaxed(&replies->sequence);
}

bool vmitap_mailbox_take(struct vmitap_channel *channel, struct vmitap_request *request)
{
	const struct vmitap_mailbox *requests = channel->requests.address;

	if (!vmitap_mailbox_pending(channel))
		return false;
	request->sequence = vmitap_load_acquire(&requests->sequence);
	memcpy(&request->header, requests->message, sizeof(request->header));
	barrier(); /* what is checked is the copy */
	if (request->header.size < sizeof(request->header) || request->header.size > VMITAP_MAILBOX_MESSAGE_MAX) {
		vmitap_mailbox_conclude(channel, request->sequence,
					(struct vmitap_refused){ .reason = VMITAP_REFUSED_MESSAGE });
		return false;
	}
	memcpy(request->body, requests->message + sizeof(request->header),
	       request->header.size - sizeof(request->header));
	return true;
}

void vmitap_mailbox_answer(struct vmitap_channel *channel, u32 sequence, const void *message, u32 size)
{
	struct vmitap_mailbox *replies = channel->replies.address;

	memcpy(replies->message, message, size);
	/* Release: with the host's acquire, before it reads the answer. */
	vmitap_store_release(&replies->sequence, sequence);
	vmitap_channel_notify(channel);
}

void vmitap_mailbox_conclude(struct vmitap_channel *channel, u32 sequence, struct vmitap_refused refused)
{
	const struct {
		struct vmitap_message header;
		struct vmitap_refused refused;
	} answer = {
		.header = { .type = refused.reason ? VMITAP_REFUSED : VMITAP_DONE,
			    .size = refused.reason ? sizeof(answer) : sizeof(answer.header) },
		.refused = refused,
	};

	vmitap_mailbox_answer(channel, sequence, &answer, answer.header.size);
}
