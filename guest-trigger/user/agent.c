/* SPDX-License-Identifier: MIT */
#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel.h"
#include "device_session.h"
#include "memory_channel.h"
#include "plan.h"
#include "socket_session.h"
#include "state.h"

enum {
	SESSIONS_MAX = 16,
	STACK_SIZE = 256 * 1024,
	/* While a host is attached, a look now and then whether the program closed our descriptors. */
	ATTACHED_POLL_MS = 1000,
	UNFINISHED_POLL_MS = 1,
};

static struct {
	pid_t pid; /* of the process in which the thread runs; 0: nowhere */
	pthread_t thread;
	atomic_bool stopping;
	struct vmitap_descriptor listener, wake;
	struct vmitap_socket_session sessions[SESSIONS_MAX]; /* without a socket: free */
} agent = { .listener = VMITAP_NO_DESCRIPTOR, .wake = VMITAP_NO_DESCRIPTOR };

void vmitap_agent_wake(void)
{
	uint64_t one = 1;

	/* No cancellation point for the program's threads that load objects. */
	if (vmitap_descriptor_is_ours(&agent.wake))
		syscall(SYS_write, agent.wake.fd, &one, sizeof(one));
}

static void listen_anew(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s%d", VMITAP_LOCAL_SOCKET_PREFIX,
			      getpid());
	socklen_t size = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)length;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	vmitap_descriptor_close(&agent.listener);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, size) || listen(fd, SESSIONS_MAX))) {
		close(fd);
		fd = -1;
	}
	agent.listener = vmitap_descriptor_keep(fd);
}

static void wake_anew(void)
{
	agent.wake = vmitap_descriptor_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static void accept_hosts(void)
{
	for (unsigned i = 0; i < SESSIONS_MAX; i++) {
		int fd;

		if (agent.sessions[i].socket.fd >= 0)
			continue;
		fd = accept4(agent.listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		vmitap_socket_session_open(&agent.sessions[i], fd);
	}
}

static void serve(struct vmitap_socket_session *host)
{
	if (!vmitap_descriptor_is_ours(&host->socket) || !vmitap_socket_session_serve(host)) {
		vmitap_socket_session_close(host);
		return;
	}
	vmitap_socket_session_notice(host);
	if (!vmitap_outbox_send(&host->session.outbox, host->socket.fd))
		vmitap_socket_session_close(host);
}

/* One round. Returns how long to wait for the next, as poll(2) takes it. */
static int look_around(void)
{
	uint64_t count;
	bool unfinished;

	if (!vmitap_descriptor_is_ours(&agent.wake))
		wake_anew();
	else
		(void)!read(agent.wake.fd, &count, sizeof(count));
	if (!vmitap_descriptor_is_ours(&agent.listener))
		listen_anew();
	accept_hosts();
	for (unsigned i = 0; i < SESSIONS_MAX; i++)
		if (agent.sessions[i].socket.fd >= 0)
			serve(&agent.sessions[i]);
	vmitap_device_serve();
	unfinished = vmitap_plan_reclaim();
	unfinished |= vmitap_channel_wake_released();
	if (unfinished)
		return UNFINISHED_POLL_MS;
	/* Without an address to listen at (somebody else has it), it is tried again. */
	if (vmitap_session_attached() || agent.listener.fd < 0)
		return ATTACHED_POLL_MS;
	return vmitap_device_patience();
}

/* The kernel takes its time, and nobody who forks or loads an object shall wait for that. */
static void open_device(sigset_t *signals)
{
	vmitap_state_unlock(signals);
	vmitap_device_open();
	vmitap_state_lock(signals);
}

static void *run(void *unused)
{
	struct pollfd waiting[SESSIONS_MAX + 3];
	sigset_t signals;

	(void)unused;
	pthread_setname_np(pthread_self(), "vmitap");
	vmitap_state_lock(&signals);
	while (!atomic_load(&agent.stopping)) {
		int timeout = look_around();
		bool full = true;

		if (vmitap_device_wanted()) {
			open_device(&signals);
			continue;
		}
		for (unsigned i = 0; i < SESSIONS_MAX; i++) {
			struct vmitap_socket_session *host = &agent.sessions[i];

			waiting[i].fd = host->socket.fd;
			waiting[i].events = vmitap_outbox_empty(&host->session.outbox) ? POLLIN : POLLOUT;
			full &= host->socket.fd >= 0;
		}
		waiting[SESSIONS_MAX] = (struct pollfd){ .fd = agent.wake.fd, .events = POLLIN };
		waiting[SESSIONS_MAX + 1] = (struct pollfd){ .fd = full ? -1 : agent.listener.fd, .events = POLLIN };
		waiting[SESSIONS_MAX + 2] = vmitap_device_poll();
		vmitap_state_unlock(&signals);
		poll(waiting, SESSIONS_MAX + 3, timeout);
		vmitap_state_lock(&signals);
	}
	vmitap_state_unlock(&signals);
	return NULL;
}

/* With all signals blocked, so that none of the program's ends up on the agent's thread. */
static void start(void)
{
	pthread_attr_t attributes;

	for (unsigned i = 0; i < SESSIONS_MAX; i++)
		agent.sessions[i].socket.fd = -1;
	wake_anew();
	listen_anew();
	/* While there is one thread, this is free; with more it waits for an RCU grace period. */
	vmitap_rings_register();
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (pthread_create(&agent.thread, &attributes, run, NULL) == 0)
		agent.pid = getpid();
	pthread_attr_destroy(&attributes);
}

static sigset_t signals_over_fork; /* under the state lock, which is held over the fork */

static void before_fork(void)
{
	sigset_t signals;

	vmitap_state_lock(&signals);
	signals_over_fork = signals;
}

static void after_fork_in_parent(void)
{
	sigset_t signals = signals_over_fork;

	vmitap_state_unlock(&signals);
}

/* A child is a guest of its own: nobody listens to it yet, and what it inherited is its parent's. */
static void after_fork_in_child(void)
{
	sigset_t signals = signals_over_fork;
	bool firing;

	for (unsigned i = 0; i < SESSIONS_MAX; i++)
		vmitap_socket_session_drop(&agent.sessions[i]);
	vmitap_session_forked();
	vmitap_descriptor_close(&agent.listener);
	vmitap_descriptor_close(&agent.wake);
	firing = vmitap_rings_forked();
	vmitap_plan_forked(firing);
	vmitap_memory_channel_forked();
	vmitap_device_forked(firing);
	vmitap_channel_forked(firing);
	agent.pid = 0;
	start();
	vmitap_state_unlock(&signals);
}

__attribute__((constructor)) static void library_comes(void)
{
	const char *wanted = secure_getenv("VMITAP");
	sigset_t signals;

	if (wanted && strcmp(wanted, "off") == 0)
		return;
	if (!vmitap_rings_prepare())
		return;
	vmitap_state_lock(&signals);
	start();
	vmitap_state_unlock(&signals);
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* The sockets go with the process; a host sees their end as it sees that of any guest. */
__attribute__((destructor)) static void library_goes(void)
{
	struct timespec deadline;

	/* Not in a child of vfork or of a bare clone(2), which has no agent; nor without a way to wake it. */
	if (agent.pid != getpid() || !vmitap_descriptor_is_ours(&agent.wake))
		return;
	atomic_store(&agent.stopping, true);
	vmitap_agent_wake();
	/* It comes at once, unless something of the program's holds it up; nobody waits for that at the end. */
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec++;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); /* nor ends here instead of the process */
	pthread_timedjoin_np(agent.thread, NULL, &deadline);
}
