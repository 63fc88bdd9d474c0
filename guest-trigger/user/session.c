/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "plan.h"
#include "registry.h"

static struct vmitap_session *attached;

const struct vmitap_session *vmitap_session_attached(void)
{
	return attached;
}

/* Whom the kernel would let trace us (ptrace(2), "Ptrace access mode checking"): a program that is not
 * dumpable, by its own will or because it holds more than its user, is open to root alone. */
static bool may_look(uid_t uid)
{
	return uid == 0 || (uid == geteuid() && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
}

static bool comes_in(struct vmitap_session *session)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(session->socket.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return false;
	session->pid = peer.pid;
	session->uid = peer.uid;
	return may_look(peer.uid);
}

/* A host that was killed is not in the way of the next, even if its end was not served yet. */
static void bury_attached(void)
{
	struct pollfd end;

	if (!attached)
		return;
	end = (struct pollfd){ .fd = attached->socket.fd, .events = POLLRDHUP };
	if (poll(&end, 1, 0) == 1 && end.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL))
		vmitap_session_close(attached);
}

static void welcome(struct vmitap_session *session)
{
	struct vmitap_welcome body = {
		.magic = VMITAP_CONTROL_MAGIC,
		.abi_version = VMITAP_CONTROL_ABI_VERSION,
		.pid = (vmitap_u32)getpid(),
		.captured_by = attached ? (vmitap_u32)attached->pid : 0,
	};
	const char *name = secure_getenv("VMITAP_NAME");

	if (!name || !*name)
		name = program_invocation_short_name;
	memcpy(body.name, name, strnlen(name, sizeof(body.name) - 1));
	vmitap_outbox_put(&session->outbox, VMITAP_WELCOME, &body, sizeof(body), NULL, 0);
}

bool vmitap_session_open(struct vmitap_session *session, int socket)
{
	memset(session, 0, sizeof(*session));
	session->socket = vmitap_descriptor_keep(socket);
	if (!comes_in(session)) {
		vmitap_descriptor_close(&session->socket);
		return false;
	}
	welcome(session);
	return true;
}

static void answer(struct vmitap_session *session, enum vmitap_message_type type)
{
	vmitap_outbox_put(&session->outbox, type, NULL, 0, NULL, 0);
}

static void refuse(struct vmitap_session *session, enum vmitap_refusal reason, vmitap_u32 detail)
{
	struct vmitap_refused body = { .reason = reason, .detail = detail };

	vmitap_outbox_put(&session->outbox, VMITAP_REFUSED, &body, sizeof(body), NULL, 0);
}

static void list(struct vmitap_session *session)
{
	session->has_listed = true;
	session->generation = vmitap_registry_generation();
	vmitap_registry_list(&session->outbox);
}

/* False: the descriptors did not get through, so the host cannot go on. */
static bool send_channel(struct vmitap_session *session)
{
	struct vmitap_message message = { .type = VMITAP_ATTACHED, .size = sizeof(message) };
	struct iovec part = { .iov_base = &message, .iov_len = sizeof(message) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(VMITAP_CHANNEL_DESCRIPTORS * sizeof(int))];
	} control;
	struct msghdr packet = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(VMITAP_CHANNEL_DESCRIPTORS * sizeof(int));
	vmitap_channel_descriptors((int *)(void *)CMSG_DATA(&control.header));
	return sendmsg(session->socket.fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static bool attach(struct vmitap_session *session, const struct vmitap_attach *request)
{
	int error;

	/* The program may have closed itself since the host came in. */
	if (!may_look(session->uid))
		return false;
	if (request->abi_version != VMITAP_CONTROL_ABI_VERSION) {
		refuse(session, VMITAP_REFUSED_VERSION, VMITAP_CONTROL_ABI_VERSION);
		return true;
	}
	if (attached == session) {
		refuse(session, VMITAP_REFUSED_MESSAGE, 0);
		return true;
	}
	bury_attached();
	if (attached) {
		refuse(session, VMITAP_REFUSED_CAPTURED, (vmitap_u32)attached->pid);
		return true;
	}
	error = vmitap_channel_open();
	if (error) {
		refuse(session, VMITAP_REFUSED_MEMORY, (vmitap_u32)error);
		return true;
	}
	attached = session;
	/* Where Yama restricts ptrace, this host may trace; elsewhere it changes nothing. */
	session->is_tracer = prctl(PR_SET_PTRACER, (unsigned long)session->pid, 0, 0, 0) == 0;
	return send_channel(session);
}

static void arm(struct vmitap_session *session, const struct vmitap_arm *request, const struct vmitap_fetch *fetches)
{
	struct vmitap_trigger_site *site = vmitap_registry_trigger(request->trigger);
	struct vmitap_refused refusal = { 0 };

	if (!site)
		refusal.reason = VMITAP_REFUSED_TRIGGER;
	else
		refusal = vmitap_plan_install(site, request, fetches);
	if (refusal.reason)
		refuse(session, (enum vmitap_refusal)refusal.reason, refusal.detail);
	else
		answer(session, VMITAP_DONE);
}

static void disarm(struct vmitap_session *session, const struct vmitap_arm *request)
{
	struct vmitap_trigger_site *site = vmitap_registry_trigger(request->trigger);

	if (!site) {
		refuse(session, VMITAP_REFUSED_TRIGGER, 0);
		return;
	}
	vmitap_plan_remove(site);
	answer(session, VMITAP_DONE);
}

/* body points at size bytes behind the header, aligned to 8. False: the session cannot go on. */
static bool dispatch(struct vmitap_session *session, vmitap_u32 type, const void *body, size_t size)
{
	const struct vmitap_arm *request = body;
	const struct vmitap_fetch *fetches = (const void *)(request + 1);
	bool has_arm = size >= sizeof(*request) && attached == session;

	switch (type) {
	case VMITAP_LIST:
		if (size == 0) {
			list(session);
			return true;
		}
		break;
	case VMITAP_ATTACH:
		if (size == sizeof(struct vmitap_attach))
			return attach(session, body);
		break;
	case VMITAP_ARM:
		if (has_arm && request->fetch_count <= VMITAP_FETCH_MAX &&
		    size == sizeof(*request) + request->fetch_count * sizeof(*fetches)) {
			arm(session, request, fetches);
			return true;
		}
		break;
	case VMITAP_DISARM:
		if (has_arm && size == sizeof(*request)) {
			disarm(session, request);
			return true;
		}
		break;
	default:
		break;
	}
	refuse(session, VMITAP_REFUSED_MESSAGE, 0);
	return true;
}

bool vmitap_session_serve(struct vmitap_session *session)
{
	static _Alignas(8) unsigned char packet[VMITAP_MESSAGE_MAX];
	struct vmitap_message header;
	ssize_t size;

	/* Who does not read the answers gets no more of them. */
	while (vmitap_outbox_empty(&session->outbox)) {
		size = recv(session->socket.fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
		if (size < 0)
			return errno == EAGAIN || errno == EINTR;
		if (size == 0)
			return false;
		memcpy(&header, packet, (size_t)size < sizeof(header) ? (size_t)size : sizeof(header));
		if ((size_t)size < sizeof(header) || (size_t)size > sizeof(packet) || header.size != (size_t)size)
			refuse(session, VMITAP_REFUSED_MESSAGE, 0);
		else if (!dispatch(session, header.type, packet + sizeof(header), (size_t)size - sizeof(header)))
			return false;
		if (!vmitap_outbox_send(&session->outbox, session->socket.fd))
			return false;
	}
	return vmitap_outbox_send(&session->outbox, session->socket.fd);
}

void vmitap_session_notice(struct vmitap_session *session)
{
	if (!session->has_listed || session->generation == vmitap_registry_generation() ||
	    !vmitap_outbox_empty(&session->outbox))
		return;
	session->generation = vmitap_registry_generation();
	answer(session, VMITAP_CHANGED);
}

void vmitap_session_close(struct vmitap_session *session)
{
	if (attached == session) {
		attached = NULL;
		vmitap_plan_remove_all();
		vmitap_channel_release();
		if (session->is_tracer)
			prctl(PR_SET_PTRACER, 0, 0, 0, 0);
	}
	vmitap_descriptor_close(&session->socket);
	vmitap_outbox_free(&session->outbox);
}

void vmitap_session_drop(struct vmitap_session *session)
{
	if (attached == session)
		attached = NULL;
	vmitap_descriptor_close(&session->socket);
	vmitap_outbox_free(&session->outbox);
}
