/* SPDX-License-Identifier: MIT */
/* One host on this machine, on the control socket: reads its messages, answers them. Under the state lock. */
#ifndef VMITAP_SOCKET_SESSION_H
#define VMITAP_SOCKET_SESSION_H

#include <stdint.h>
#include <sys/types.h>

#include "descriptor.h"
#include "session.h"

struct vmitap_socket_session {
	struct vmitap_session session; /* first */
	struct vmitap_descriptor socket;
	uid_t uid;
	bool is_tracer; /* it may trace us, past Yama, by our leave */
	bool has_listed;
	uint64_t generation; /* of the registry, as this host knows it */
};

/* Takes over an accepted socket and welcomes the host. False: not a host that may come in; the socket is closed. */
bool vmitap_socket_session_open(struct vmitap_socket_session *it, int socket);
/* Reads and answers what there is. False: the host is gone or must go. */
bool vmitap_socket_session_serve(struct vmitap_socket_session *it);
/* Tells the host of changes, if it wants to know. */
void vmitap_socket_session_notice(struct vmitap_socket_session *it);
/* Ends the session; if the host was attached, every trigger is disabled. */
void vmitap_socket_session_close(struct vmitap_socket_session *it);
/* In a forked child: forgets the session, which stays the parent's. */
void vmitap_socket_session_drop(struct vmitap_socket_session *it);

#endif /* VMITAP_SOCKET_SESSION_H */
