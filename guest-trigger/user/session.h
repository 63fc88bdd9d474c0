/* SPDX-License-Identifier: MIT */
/* One host on the control socket: reads its messages, answers them. Under the state lock. */
#ifndef VMITAP_SESSION_H
#define VMITAP_SESSION_H

#include <stdbool.h>
#include <sys/types.h>

#include "descriptor.h"
#include "outbox.h"

struct vmitap_session {
	struct vmitap_descriptor socket;
	pid_t pid;
	uid_t uid;
	bool is_tracer; /* it may trace us, past Yama, by our leave */
	struct vmitap_outbox outbox;
	bool has_listed;
	uint64_t generation; /* of the registry, as this host knows it */
};

/* Takes over an accepted socket and welcomes the host. False: not a host that may come in; the socket is closed. */
bool vmitap_session_open(struct vmitap_session *session, int socket);
/* Reads and answers what there is. False: the host is gone or must go. */
bool vmitap_session_serve(struct vmitap_session *session);
/* Tells the host of changes, if it wants to know. */
void vmitap_session_notice(struct vmitap_session *session);
/* Ends the session; if the host was attached, every trigger is disabled. */
void vmitap_session_close(struct vmitap_session *session);
/* In a forked child: forgets the session, which stays the parent's. */
void vmitap_session_drop(struct vmitap_session *session);

/* The session of the attached host, or NULL. */
const struct vmitap_session *vmitap_session_attached(void);

#endif /* VMITAP_SESSION_H */
