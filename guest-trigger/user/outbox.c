/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool reserve(struct vmitap_outbox *outbox, size_t size)
{
	size_t capacity = outbox->capacity ? outbox->capacity : 4096;
	unsigned char *bytes;

	while (capacity - outbox->end < size)
		capacity *= 2;
	if (capacity == outbox->capacity)
		return true;
	bytes = realloc(outbox->bytes, capacity);
	if (!bytes)
		return false;
	outbox->bytes = bytes;
	outbox->capacity = capacity;
	return true;
}

static void append(struct vmitap_outbox *outbox, const void *bytes, size_t size)
{
	if (size)
		memcpy(outbox->bytes + outbox->end, bytes, size);
	outbox->end += size;
}

void vmitap_outbox_put(struct vmitap_outbox *outbox, enum vmitap_message_type type, const void *body,
		       size_t body_size, const void *tail, size_t tail_size)
{
	struct vmitap_message header = { .type = type };

	if (tail_size > VMITAP_MESSAGE_MAX - sizeof(header) - body_size)
		tail_size = VMITAP_MESSAGE_MAX - sizeof(header) - body_size;
	header.size = (vmitap_u32)(sizeof(header) + body_size + tail_size);
	if (outbox->broken || !reserve(outbox, header.size)) {
		outbox->broken = true;
		return;
	}
	append(outbox, &header, sizeof(header));
	append(outbox, body, body_size);
	append(outbox, tail, tail_size);
}

bool vmitap_outbox_send(struct vmitap_outbox *outbox, int socket)
{
	struct vmitap_message header;

	if (outbox->broken)
		return false;
	while (outbox->begin < outbox->end) {
		memcpy(&header, outbox->bytes + outbox->begin, sizeof(header));
		if (send(socket, outbox->bytes + outbox->begin, header.size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return errno == EAGAIN || errno == EINTR;
		outbox->begin += header.size;
	}
	vmitap_outbox_free(outbox);
	return true;
}

void vmitap_outbox_free(struct vmitap_outbox *outbox)
{
	free(outbox->bytes);
	memset(outbox, 0, sizeof(*outbox));
}
