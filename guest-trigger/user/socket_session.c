/* SPDX-License-Identifier: MIT */
#include "socket_session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory_channel.h"
#include "registry.h"

static struct vmitap_socket_session *of(const struct vmitap_session *session)
{
	return (struct vmitap_socket_session *)(uintptr_t)session; /* it comes first */
}

/* Whom the kernel would let trace us (ptrace(2), "Ptrace access mode checking"): a program that is not
 * dumpable, by its own will or because it holds more than its user, is open to root alone. */
static bool may_look(uid_t uid)
{
	return uid == 0 || (uid == geteuid() && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1);
}

/* Asked again: the program may have closed itself since the host came in. */
static bool may_attach(const struct vmitap_session *session)
{
	return may_look(of(session)->uid);
}

static bool is_over(const struct vmitap_session *session)
{
	struct pollfd end = { .fd = of(session)->socket.fd, .events = POLLRDHUP };

	return poll(&end, 1, 0) == 1 && end.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL);
}

static int use_channel(struct vmitap_session *session)
{
	(void)session;
	return vmitap_memory_channel_open();
}

/* With the descriptors: if they do not get through, the host cannot go on. */
static bool tell_attached(struct vmitap_session *session)
{
	struct vmitap_message message = { .type = VMITAP_ATTACHED, .size = sizeof(message) };
	struct iovec part = { .iov_base = &message, .iov_len = sizeof(message) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(VMITAP_MEMORY_DESCRIPTORS * sizeof(int))];
	} control;
	struct msghdr packet = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};

	/* Where Yama restricts ptrace, this host may trace; elsewhere it changes nothing. */
	of(session)->is_tracer = prctl(PR_SET_PTRACER, (unsigned long)session->host, 0, 0, 0) == 0;
	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(VMITAP_MEMORY_DESCRIPTORS * sizeof(int));
	vmitap_memory_channel_descriptors((int *)(void *)CMSG_DATA(&control.header));
	return sendmsg(of(session)->socket.fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static void detached(struct vmitap_session *session)
{
	if (of(session)->is_tracer)
		prctl(PR_SET_PTRACER, 0, 0, 0, 0);
}

static const struct vmitap_session_way way = {
	.may_attach = may_attach,
	.is_over = is_over,
	.use_channel = use_channel,
	.tell_attached = tell_attached,
	.detached = detached,
};

static bool comes_in(struct vmitap_socket_session *it)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(it->socket.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return false;
	it->session.host = (vmitap_u32)peer.pid;
	it->uid = peer.uid;
	return may_look(peer.uid);
}

static void welcome(struct vmitap_socket_session *it)
{
	const struct vmitap_session *attached = vmitap_session_attached();
	struct vmitap_welcome body = {
		.magic = VMITAP_CONTROL_MAGIC,
		.abi_version = VMITAP_CONTROL_ABI_VERSION,
		.pid = (vmitap_u32)getpid(),
		.captured_by = attached ? attached->host : 0,
	};

	vmitap_session_name(body.name);
	vmitap_outbox_put(&it->session.outbox, VMITAP_WELCOME, &body, sizeof(body), NULL, 0);
}

bool vmitap_socket_session_open(struct vmitap_socket_session *it, int socket)
{
	memset(it, 0, sizeof(*it));
	it->session.way = &way;
	it->socket = vmitap_descriptor_keep(socket);
	if (!comes_in(it)) {
		vmitap_descriptor_close(&it->socket);
		return false;
	}
	welcome(it);
	return true;
}

static bool answer(struct vmitap_socket_session *it, vmitap_u32 type, const void *body, size_t size)
{
	if (type != VMITAP_LIST || size != 0)
		return vmitap_session_answer(&it->session, type, body, size);
	it->has_listed = true;
	it->generation = vmitap_registry_generation();
	vmitap_registry_list(&it->session.outbox);
	return true;
}

bool vmitap_socket_session_serve(struct vmitap_socket_session *it)
{
	static _Alignas(8) unsigned char packet[VMITAP_MESSAGE_MAX];
	struct vmitap_outbox *outbox = &it->session.outbox;
	struct vmitap_message header;
	ssize_t size;

	/* Who does not read the answers gets no more of them. */
	while (vmitap_outbox_empty(outbox)) {
		size = recv(it->socket.fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
		if (size < 0)
			return errno == EAGAIN || errno == EINTR;
		if (size == 0)
			return false;
		memcpy(&header, packet, (size_t)size < sizeof(header) ? (size_t)size : sizeof(header));
		if ((size_t)size < sizeof(header) || (size_t)size > sizeof(packet) || header.size != (size_t)size)
			vmitap_session_refuse(&it->session, VMITAP_REFUSED_MESSAGE, 0);
		else if (!answer(it, header.type, packet + sizeof(header), (size_t)size - sizeof(header)))
			return false;
		if (!vmitap_outbox_send(outbox, it->socket.fd))
			return false;
	}
	return vmitap_outbox_send(outbox, it->socket.fd);
}

void vmitap_socket_session_notice(struct vmitap_socket_session *it)
{
	if (!it->has_listed || it->generation == vmitap_registry_generation() ||
	    !vmitap_outbox_empty(&it->session.outbox))
		return;
	it->generation = vmitap_registry_generation();
	vmitap_outbox_put(&it->session.outbox, VMITAP_CHANGED, NULL, 0, NULL, 0);
}

void vmitap_socket_session_close(struct vmitap_socket_session *it)
{
	vmitap_session_detach(&it->session);
	vmitap_socket_session_drop(it);
}

void vmitap_socket_session_drop(struct vmitap_socket_session *it)
{
	vmitap_descriptor_close(&it->socket);
	vmitap_outbox_free(&it->session.outbox);
}
