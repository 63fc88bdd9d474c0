/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "plan.h"
#include "registry.h"

static struct vmitap_session *attached;

const struct vmitap_session *vmitap_session_attached(void)
{
	return attached;
}

void vmitap_session_name(char *name)
{
	const char *wanted = secure_getenv("VMITAP_NAME");

	if (!wanted || !*wanted)
		wanted = program_invocation_short_name;
	memset(name, 0, VMITAP_NAME_MAX);
	memcpy(name, wanted, strnlen(wanted, VMITAP_NAME_MAX - 1));
}

void vmitap_session_refuse(struct vmitap_session *session, enum vmitap_refusal reason, vmitap_u32 detail)
{
	struct vmitap_refused body = { .reason = reason, .detail = detail };

	vmitap_outbox_put(&session->outbox, VMITAP_REFUSED, &body, sizeof(body), NULL, 0);
}

static void conclude(struct vmitap_session *session, struct vmitap_refused refusal)
{
	if (refusal.reason)
		vmitap_session_refuse(session, (enum vmitap_refusal)refusal.reason, refusal.detail);
	else
		vmitap_outbox_put(&session->outbox, VMITAP_DONE, NULL, 0, NULL, 0);
}

void vmitap_session_detach(struct vmitap_session *session)
{
	if (attached != session)
		return;
	attached = NULL;
	vmitap_plan_remove_all();
	vmitap_channel_release();
	session->way->detached(session);
}

void vmitap_session_forked(void)
{
	attached = NULL;
}

static bool attach(struct vmitap_session *session, const struct vmitap_attach *request)
{
	int error;

	if (!session->way->may_attach(session))
		return false;
	if (request->abi_version != VMITAP_CONTROL_ABI_VERSION) {
		vmitap_session_refuse(session, VMITAP_REFUSED_VERSION, VMITAP_CONTROL_ABI_VERSION);
		return true;
	}
	/* A host that was killed is not in the way of the next, even if its end was not served yet. */
	if (attached && attached->way->is_over(attached))
		vmitap_session_detach(attached);
	if (attached) {
		vmitap_session_refuse(session,
				      attached == session ? VMITAP_REFUSED_MESSAGE : VMITAP_REFUSED_CAPTURED,
				      attached == session ? 0 : attached->host);
		return true;
	}
	error = session->way->use_channel(session);
	if (error) {
		vmitap_session_refuse(session, VMITAP_REFUSED_MEMORY, (vmitap_u32)error);
		return true;
	}
	attached = session;
	return session->way->tell_attached(session);
}

static struct vmitap_refused arm(const struct vmitap_arm *request, const struct vmitap_fetch *fetches)
{
	struct vmitap_trigger_site *site = vmitap_registry_trigger(request->trigger);

	if (!site)
		return (struct vmitap_refused){ .reason = VMITAP_REFUSED_TRIGGER };
	return vmitap_plan_install(site, request, fetches);
}

static struct vmitap_refused disarm(const struct vmitap_arm *request)
{
	struct vmitap_trigger_site *site = vmitap_registry_trigger(request->trigger);

	if (!site)
		return (struct vmitap_refused){ .reason = VMITAP_REFUSED_TRIGGER };
	vmitap_plan_remove(site);
	return (struct vmitap_refused){ 0 };
}

bool vmitap_session_answer(struct vmitap_session *session, vmitap_u32 type, const void *body, size_t size)
{
	const struct vmitap_arm *request = body;
	const struct vmitap_fetch *fetches = (const void *)(request + 1);
	bool has_arm = size >= sizeof(*request) && attached == session;

	switch (type) {
	case VMITAP_ATTACH:
		if (size == sizeof(struct vmitap_attach))
			return attach(session, body);
		break;
	case VMITAP_ARM:
		if (has_arm && request->fetch_count <= VMITAP_FETCH_MAX &&
		    size == sizeof(*request) + request->fetch_count * sizeof(*fetches)) {
			conclude(session, arm(request, fetches));
			return true;
		}
		break;
	case VMITAP_DISARM:
		if (has_arm && size == sizeof(*request)) {
			conclude(session, disarm(request));
			return true;
		}
		break;
	default:
		break;
	}
	vmitap_session_refuse(session, VMITAP_REFUSED_MESSAGE, 0);
	return true;
}
