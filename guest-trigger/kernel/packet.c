// SPDX-License-Identifier: GPL-2.0
#include "packet.h"

#include <linux/err.h>
#include <linux/filter.h>
#include <linux/minmax.h>
#include <linux/skbuff.h>
#include <linux/string.h>

#include "vmitap/ring_producer.h"

static_assert(sizeof(struct vmitap_filter_step) == sizeof(struct sock_filter));
static_assert(offsetof(struct vmitap_filter_step, operand) == offsetof(struct sock_filter, k));
static_assert(VMITAP_FILTER_MAX <= BPF_MAXINSNS);

struct bpf_prog *vmitap_filter_create(const struct vmitap_filter_step *steps, u32 count)
{
	struct sock_fprog_kern program = { .len = count, .filter = (struct sock_filter *)steps };
	struct bpf_prog *filter;
	int error;

	if (!count)
		return NULL;
	error = bpf_prog_create(&filter, &program);
	return error ? ERR_PTR(error) : filter;
}

void vmitap_filter_destroy(struct bpf_prog *filter)
{
	if (filter)
		bpf_prog_destroy(filter);
}

bool vmitap_filter_passes(const struct bpf_prog *filter, struct sk_buff *packet)
{
	/* Where skb->data stands depends on who works on the packet; a filter counts from the Ethernet header. */
	const int behind = -skb_mac_offset(packet);
	bool passes;

	if (behind > 0)
		__skb_push(packet, behind);
	passes = bpf_prog_run(filter, packet);
	if (behind > 0)
		__skb_pull(packet, behind);
	return passes;
}

void vmitap_packet_append(struct vmitap_record *record, const struct sk_buff *packet, u64 from, u32 size)
{
	const int begin = skb_mac_offset(packet);
	const u64 length = packet->len - begin; /* with its Ethernet header */
	u32 there = from < length ? min_t(u64, size, length - from) : 0;
	int offset = begin + (int)min_t(u64, from, length);

	while (size) {
		const u32 piece = min(size, vmitap_record_room(record));
		const u32 copied = min(piece, there);

		if (copied && skb_copy_bits(packet, offset, record->cursor, copied))
			memset(record->cursor, 0, copied);
		memset((u8 *)record->cursor + copied, 0, piece - copied);
		vmitap_record_advance(record, piece);
		offset += copied;
		there -= copied;
		size -= piece;
	}
}
