// SPDX-License-Identifier: MIT
#include "headers_c11.h"

#include "vmitap/barrier.h"
#include "vmitap/control_abi.h"
#include "vmitap/packet_abi.h"
#include "vmitap/packet_headers.h"
#include "vmitap/ring_layout.h"
#include "vmitap/ring_producer.h"
#include "vmitap/ring_sync.h"

bool c11_push(struct vmitap_producer *producer, const void *bytes, uint32_t size, uint32_t trigger, uint64_t ticks)
{
	struct vmitap_record record;

	if (!vmitap_reserve(producer, &record, size))
		return false;
	vmitap_write(&record, bytes, size);
	(void)vmitap_commit(&record, trigger, 0, ticks);
	return true;
}
