/* SPDX-License-Identifier: MIT */
/*
 * What a host may ask for, whichever way it talks to us: on the control socket (socket_session.h) or through the
 * domain's kernel (device_session.h). One host is attached at a time. Under the state lock.
 */
#ifndef VMITAP_SESSION_H
#define VMITAP_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "outbox.h"

struct vmitap_session;

/* What differs from one way to another. */
struct vmitap_session_way {
	bool (*may_attach)(const struct vmitap_session *session);
	/* Whether the host is gone, and only we have not served its end yet. */
	bool (*is_over)(const struct vmitap_session *session);
	/* Makes its channel that into which threads fire. 0 or an errno. */
	int (*use_channel)(struct vmitap_session *session);
	/* Tells the host that it is attached. False: it cannot go on. */
	bool (*tell_attached)(struct vmitap_session *session);
	void (*detached)(struct vmitap_session *session);
};

struct vmitap_session {
	const struct vmitap_session_way *way;
	vmitap_u32 host; /* its PID, or VMITAP_HOST_IN_DOM0 */
	struct vmitap_outbox outbox;
};

/* Answers ATTACH, ARM or DISARM. body points at size bytes behind the header, aligned to 8. False: the session
 * cannot go on. */
bool vmitap_session_answer(struct vmitap_session *session, vmitap_u32 type, const void *body, size_t size);
/* Refuses a message. */
void vmitap_session_refuse(struct vmitap_session *session, enum vmitap_refusal reason, vmitap_u32 detail);
/* The host wants no more, or is gone: if it was attached, every trigger is disabled. */
void vmitap_session_detach(struct vmitap_session *session);
/* In a forked child: the host is the parent's. */
void vmitap_session_forked(void);

/* The session of the attached host, or NULL. */
const struct vmitap_session *vmitap_session_attached(void);

/* By what hosts may call this process: VMITAP_NAME_MAX bytes, NUL-padded. */
void vmitap_session_name(char *name);

#endif /* VMITAP_SESSION_H */
