/* SPDX-License-Identifier: MIT */
#include "inline_fetch.h"

#include <string.h>
#include <sys/uio.h>

enum { BATCH_MAX = 16, BATCH_BYTES = 256 };

/* Never a program's own address: reading there fails, like the way that should have led on. */
#define NOWHERE ((uint64_t)1 << 63)

/* Small values that one call to the kernel reads. */
struct batch {
	pid_t pid;
	unsigned count;
	unsigned fetch[BATCH_MAX];
	struct iovec from[BATCH_MAX];
	size_t size;
	unsigned char bytes[BATCH_BYTES];
};

/* process_vm_readv(2) on ourselves copies what is mapped and only fails where nothing is. */
static bool copy(pid_t pid, void *to, uint64_t address, size_t size)
{
	struct iovec local = { .iov_base = to, .iov_len = size };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)address, .iov_len = size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

static uint64_t resolve(pid_t pid, const struct vmitap_fetch *fetch, const void *args)
{
	uint64_t at = fetch->origin;
	unsigned hop = 0;

	if (fetch->base == VMITAP_FETCH_ARGUMENT) {
		memcpy(&at, (const unsigned char *)args + fetch->origin, sizeof(at));
		at += (uint64_t)fetch->add[hop++];
	}
	for (; hop < fetch->hops; hop++) {
		if (!copy(pid, &at, at, sizeof(at)))
			return NOWHERE;
		at += (uint64_t)fetch->add[hop];
	}
	return at;
}

/* Returns which fetches succeeded. */
static uint64_t flush(struct batch *batch, struct vmitap_record *record)
{
	uint64_t done = 0;
	unsigned next = 0;
	size_t at = 0;

	while (next < batch->count) {
		struct iovec local = { .iov_base = batch->bytes + at, .iov_len = batch->size - at };
		ssize_t got = process_vm_readv(batch->pid, &local, 1, batch->from + next, batch->count - next, 0);
		size_t left = got > 0 ? (size_t)got : 0;

		for (; next < batch->count && left >= batch->from[next].iov_len; next++) {
			done |= (uint64_t)1 << batch->fetch[next];
			left -= batch->from[next].iov_len;
			at += batch->from[next].iov_len;
		}
		if (next < batch->count) { /* this one cannot be read; go on behind it */
			memset(batch->bytes + at, 0, batch->from[next].iov_len);
			at += batch->from[next].iov_len;
			next++;
		}
	}
	vmitap_write(record, batch->bytes, (vmitap_u32)batch->size);
	batch->count = 0;
	batch->size = 0;
	return done;
}

static void write_zeroes(struct vmitap_record *record, uint32_t size)
{
	static const unsigned char zeroes[VMITAP_NEXT_PAYLOAD];

	for (uint32_t piece; size; size -= piece) {
		piece = size < sizeof(zeroes) ? size : (uint32_t)sizeof(zeroes);
		vmitap_write(record, zeroes, piece);
	}
}

/* A value larger than a batch, by way of its (empty) buffer. */
static bool write_large(struct batch *batch, uint64_t address, uint32_t size, struct vmitap_record *record)
{
	struct vmitap_record begin = *record;

	for (uint32_t done = 0, piece; done < size; done += piece) {
		piece = size - done < BATCH_BYTES ? size - done : BATCH_BYTES;
		if (!copy(batch->pid, batch->bytes, address + done, piece)) {
			*record = begin;
			write_zeroes(record, size);
			return false;
		}
		vmitap_write(record, batch->bytes, piece);
	}
	return true;
}

void vmitap_inline_fetch(const struct vmitap_channel *channel, const struct vmitap_plan *plan, const void *args,
			 struct vmitap_record *record)
{
	struct vmitap_record status_at = *record;
	struct batch batch;
	uint64_t done = 0;

	batch.pid = channel->pid;
	batch.count = 0;
	batch.size = 0;
	write_zeroes(record, sizeof(done));
	for (unsigned i = 0; i < plan->fetch_count; i++) {
		const struct vmitap_fetch *fetch = &plan->fetches[i];
		uint64_t bit = (uint64_t)1 << i, address = NOWHERE;
		const void *here = NULL;

		if (plan->direct & bit)
			here = (const void *)(uintptr_t)fetch->origin;
		else if (fetch->base == VMITAP_FETCH_ARGUMENT && !fetch->hops)
			here = (const unsigned char *)args + fetch->origin;
		else
			address = resolve(batch.pid, fetch, args);

		if (!here && fetch->size <= BATCH_BYTES) {
			if (batch.count == BATCH_MAX || batch.size + fetch->size > BATCH_BYTES)
				done |= flush(&batch, record);
			batch.fetch[batch.count] = i;
			batch.from[batch.count].iov_base = (void *)(uintptr_t)address;
			batch.from[batch.count].iov_len = fetch->size;
			batch.count++;
			batch.size += fetch->size;
			continue;
		}
		done |= flush(&batch, record);
		if (here)
			vmitap_write(record, here, fetch->size);
		if (here || write_large(&batch, address, fetch->size, record))
			done |= bit;
	}
	done |= flush(&batch, record);
	vmitap_write(&status_at, &done, sizeof(done));
}
