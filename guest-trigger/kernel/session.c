// SPDX-License-Identifier: GPL-2.0
#include "session.h"

#include <linux/string.h>

#include "plan.h"
#include "registry.h"

/* The host's message as we copied it: it cannot change any more while it is checked. Under vmitap_lock. */
static struct {
	struct vmitap_message header;
	u8 body[VMITAP_MAILBOX_MESSAGE_MAX - sizeof(struct vmitap_message)] __aligned(8);
} request;

struct answer {
	struct vmitap_message header;
	struct vmitap_refused refused;
};

static struct vmitap_refused refused(enum vmitap_refusal reason, u32 detail)
{
	return (struct vmitap_refused){ .reason = reason, .detail = detail };
}

static struct vmitap_refused attach(const struct vmitap_attach *body)
{
	if (body->abi_version != VMITAP_CONTROL_ABI_VERSION)
		return refused(VMITAP_REFUSED_VERSION, VMITAP_CONTROL_ABI_VERSION);
	/* Of a host that died just before: its end may not have been seen between the two. */
	vmitap_registry_disarm_all();
	return refused(0, 0);
}

static struct vmitap_refused arm(struct vmitap_channel *channel, const struct vmitap_arm *body)
{
	const struct vmitap_guest_header *header = channel->guest.address;
	struct vmitap_kernel_site *site = vmitap_registry_trigger(body->trigger);

	if (!site)
		return refused(VMITAP_REFUSED_TRIGGER, 0);
	return vmitap_plan_install(site, body, (const struct vmitap_fetch *)(body + 1), header->slots_per_ring);
}

static struct vmitap_refused disarm(const struct vmitap_arm *body)
{
	struct vmitap_kernel_site *site = vmitap_registry_trigger(body->trigger);

	if (!site)
		return refused(VMITAP_REFUSED_TRIGGER, 0);
	vmitap_plan_remove(site);
	return refused(0, 0);
}

/* A reason of 0: done. size: of the body and its tail. */
static struct vmitap_refused dispatch(struct vmitap_channel *channel, u32 size)
{
	const void *body = request.body;
	const struct vmitap_arm *arming = body;

	/* Who has let go of the host region may not leave triggers armed behind him. */
	if (!vmitap_channel_present(channel))
		return refused(VMITAP_REFUSED_MESSAGE, 0);
	switch (request.header.type) {
	case VMITAP_ATTACH:
		if (size == sizeof(struct vmitap_attach))
			return attach(body);
		break;
	case VMITAP_ARM:
		if (size >= sizeof(*arming) && arming->fetch_count <= VMITAP_FETCH_MAX &&
		    size == sizeof(*arming) + arming->fetch_count * sizeof(struct vmitap_fetch))
			return arm(channel, arming);
		break;
	case VMITAP_DISARM:
		if (size == sizeof(*arming))
			return disarm(arming);
		break;
	}
	return refused(VMITAP_REFUSED_MESSAGE, 0);
}

/* Copies, then looks. */
static struct vmitap_refused take(struct vmitap_channel *channel, const struct vmitap_mailbox *requests)
{
	u32 size;

	memcpy(&request.header, requests->message, sizeof(request.header));
	size = request.header.size;
	barrier();
	if (size < sizeof(request.header) || size > VMITAP_MAILBOX_MESSAGE_MAX)
		return refused(VMITAP_REFUSED_MESSAGE, 0);
	size -= sizeof(request.header);
	memcpy(request.body, requests->message + sizeof(request.header), size);
	return dispatch(channel, size);
}

void vmitap_session_serve(struct vmitap_channel *channel)
{
	const struct vmitap_mailbox *requests = channel->requests.address;
	struct vmitap_mailbox *replies = channel->replies.address;
	/* Acquire: with the host's release, after it wrote the message. */
	const u32 sequence = vmitap_load_acquire(&requests->sequence);
	struct answer answer = { 0 };

	if (sequence == replies->sequence)
		return;
	answer.refused = take(channel, requests);
	answer.header.type = answer.refused.reason ? VMITAP_REFUSED : VMITAP_DONE;
	answer.header.size = answer.refused.reason ? sizeof(answer) : sizeof(answer.header);
	memcpy(replies->message, &answer, answer.header.size);
	/* Release: with the host's acquire, before it reads the answer. */
	vmitap_store_release(&replies->sequence, sequence);
	vmitap_channel_notify(channel);
}
