// SPDX-License-Identifier: GPL-2.0
#include "session.h"

#include "mailbox.h"
#include "plan.h"
#include "registry.h"

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
	const struct vmitap_fetch *fetches = (const void *)(body + 1);
	struct vmitap_kernel_site *site = vmitap_registry_trigger(body->trigger);

	if (!site)
		return refused(VMITAP_REFUSED_TRIGGER, 0);
	return vmitap_plan_install(site, body, fetches, (const void *)(fetches + body->fetch_count),
				   header->slots_per_ring);
}

static struct vmitap_refused disarm(const struct vmitap_arm *body)
{
	struct vmitap_kernel_site *site = vmitap_registry_trigger(body->trigger);

	if (!site)
		return refused(VMITAP_REFUSED_TRIGGER, 0);
	vmitap_plan_remove(site);
	return refused(0, 0);
}

/* A reason of 0: done. */
static struct vmitap_refused dispatch(struct vmitap_channel *channel, const struct vmitap_request *request)
{
	const u32 size = request->header.size - sizeof(request->header); /* of the body and its tail */
	const void *body = request->body;
	const struct vmitap_arm *arming = body;

	/* Who has let go of the host region may not leave triggers armed behind him. */
	if (!vmitap_channel_present(channel))
		return refused(VMITAP_REFUSED_MESSAGE, 0);
	switch (request->header.type) {
	case VMITAP_ATTACH:
		if (size == sizeof(struct vmitap_attach))
			return attach(body);
		break;
	case VMITAP_ARM:
		if (size >= sizeof(*arming) && arming->fetch_count <= VMITAP_FETCH_MAX &&
		    arming->filter_count <= VMITAP_FILTER_MAX &&
		    size == sizeof(*arming) + arming->fetch_count * sizeof(struct vmitap_fetch) +
				    arming->filter_count * sizeof(struct vmitap_filter_step))
			return arm(channel, arming);
		break;
	case VMITAP_DISARM:
		if (size == sizeof(*arming))
			return disarm(arming);
		break;
	}
	return refused(VMITAP_REFUSED_MESSAGE, 0);
}

void vmitap_session_serve(struct vmitap_channel *channel)
{
	static struct vmitap_request request; /* under vmitap_lock */

	if (vmitap_mailbox_take(channel, &request))
		vmitap_mailbox_conclude(channel, request.sequence, dispatch(channel, &request));
}
