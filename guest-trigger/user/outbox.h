/* SPDX-License-Identifier: MIT */
/* Messages (control_abi.h) that wait until the socket takes them. */
#ifndef VMITAP_OUTBOX_H
#define VMITAP_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "vmitap/control_abi.h"

struct vmitap_outbox {
	unsigned char *bytes; /* messages back to back */
	size_t begin, end, capacity;
	bool broken; /* no memory was left for a message: the session has to end */
};

/* Appends a message of up to two parts; a tail beyond VMITAP_MESSAGE_MAX is cut. */
void vmitap_outbox_put(struct vmitap_outbox *outbox, enum vmitap_message_type type, const void *body,
		       size_t body_size, const void *tail, size_t tail_size);
static inline bool vmitap_outbox_empty(const struct vmitap_outbox *outbox)
{
	return outbox->begin == outbox->end;
}
/* Sends what the socket takes without waiting. False: the peer is gone. */
bool vmitap_outbox_send(struct vmitap_outbox *outbox, int socket);
void vmitap_outbox_free(struct vmitap_outbox *outbox);

#endif /* VMITAP_OUTBOX_H */
