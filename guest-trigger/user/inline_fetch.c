/* SPDX-License-Identifier: MIT */
#include "inline_fetch.h"

#include <string.h>
#include <sys/uio.h>

enum { VALUES_MAX = 32, SPANS_MAX = 8, BATCH_BYTES = 512 };

/* Never a program's own address: reading there fails, like the way that should have led on. */
#define NOWHERE ((uint64_t)1 << 63)

/* Small values that one call to the kernel reads. What lies in one page can be read or not as one, and
 * costs as much as its first byte: members of a struct share a span. */
struct batch {
	pid_t pid;
	unsigned values, spans;
	size_t size; /* of all spans */
	struct {
		uint64_t address;
		uint32_t size;
		uint8_t fetch, span;
	} value[VALUES_MAX];
	struct iovec span[SPANS_MAX];
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
	return at + fetch->size < at ? NOWHERE : at; /* nothing lies across the end of all addresses */
}

static void write_zeroes(struct vmitap_record *record, uint32_t size)
{
	static const unsigned char zeroes[VMITAP_NEXT_PAYLOAD];

	for (uint32_t piece; size; size -= piece) {
		piece = size < sizeof(zeroes) ? size : (uint32_t)sizeof(zeroes);
		vmitap_write(record, zeroes, piece);
	}
}

static bool same_page(uint64_t a, uint64_t b)
{
	return a / VMITAP_PAGE_SIZE == b / VMITAP_PAGE_SIZE;
}

/* Widens the last span, if it is in the same page, so that it holds the value. */
static bool widen(struct batch *batch, uint64_t address, uint32_t size)
{
	struct iovec *span = &batch->span[batch->spans - 1];
	uint64_t start = (uintptr_t)span->iov_base, end = start + span->iov_len, value_end = address + size;
	uint64_t low = address < start ? address : start, high = value_end > end ? value_end : end;

	if (!same_page(low, high - 1) || batch->size - span->iov_len + (high - low) > BATCH_BYTES)
		return false;
	batch->size += (high - low) - span->iov_len;
	span->iov_base = (void *)(uintptr_t)low;
	span->iov_len = high - low;
	return true;
}

static bool add(struct batch *batch, unsigned fetch, uint64_t address, uint32_t size)
{
	if (batch->values == VALUES_MAX)
		return false;
	if (!batch->spans || !widen(batch, address, size)) {
		if (batch->spans == SPANS_MAX || batch->size + size > BATCH_BYTES)
			return false;
		batch->span[batch->spans].iov_base = (void *)(uintptr_t)address;
		batch->span[batch->spans].iov_len = size;
		batch->spans++;
		batch->size += size;
	}
	batch->value[batch->values].address = address;
	batch->value[batch->values].size = size;
	batch->value[batch->values].fetch = (uint8_t)fetch;
	batch->value[batch->values].span = (uint8_t)(batch->spans - 1);
	batch->values++;
	return true;
}

/* Reads the spans into bytes, back to back. Returns which of them could be read. */
static unsigned read_spans(struct batch *batch)
{
	unsigned next = 0, could = 0;
	size_t at = 0;

	while (next < batch->spans) {
		struct iovec local = { .iov_base = batch->bytes + at, .iov_len = batch->size - at };
		ssize_t got = process_vm_readv(batch->pid, &local, 1, batch->span + next, batch->spans - next, 0);
		size_t left = got > 0 ? (size_t)got : 0;

		for (; next < batch->spans && left >= batch->span[next].iov_len; next++) {
			could |= 1u << next;
			left -= batch->span[next].iov_len;
			at += batch->span[next].iov_len;
		}
		if (next < batch->spans) /* this one cannot be read; go on behind it */
			at += batch->span[next++].iov_len;
	}
	return could;
}

/* Returns which fetches succeeded. */
static uint64_t flush(struct batch *batch, struct vmitap_record *record)
{
	unsigned could = batch->spans ? read_spans(batch) : 0;
	size_t base[SPANS_MAX];
	uint64_t done = 0;

	for (unsigned i = 0, at = 0; i < batch->spans; at += (unsigned)batch->span[i].iov_len, i++)
		base[i] = at;
	for (unsigned i = 0; i < batch->values; i++) {
		unsigned span = batch->value[i].span;
		uint64_t start = (uintptr_t)batch->span[span].iov_base;

		if (could & 1u << span) {
			vmitap_write(record, batch->bytes + base[span] + (batch->value[i].address - start),
				     batch->value[i].size);
			done |= (uint64_t)1 << batch->value[i].fetch;
		} else {
			write_zeroes(record, batch->value[i].size);
		}
	}
	batch->values = 0;
	batch->spans = 0;
	batch->size = 0;
	return done;
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
	batch.values = 0;
	batch.spans = 0;
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
			if (!add(&batch, i, address, fetch->size)) {
				done |= flush(&batch, record);
				add(&batch, i, address, fetch->size);
			}
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
