// SPDX-License-Identifier: GPL-2.0
#include "clock.h"

#include <linux/percpu.h>
#include <linux/preempt.h>
#include <xen/interface/xen.h>

#include <asm/msr.h>
#include <asm/pvclock.h>
#include <asm/tsc.h>

#include "image.h"
#include "vmitap/barrier.h"

/* The system time at a reading of the TSC of this vCPU (pvclock-abi.h). */
static u64 system_time(const struct pvclock_vcpu_time_info *time, u64 *tsc)
{
	unsigned int version;
	u64 now;

	do {
		version = pvclock_read_begin(time);
		*tsc = rdtsc_ordered();
		now = __pvclock_read_cycles(time, *tsc);
	} while (pvclock_read_retry(time, version));
	return now;
}

static u64 read_both(u64 *tsc)
{
	struct vcpu_info *__percpu *vcpu = vmitap_image_vcpu_info();

	return vcpu ? system_time(&(*this_cpu_ptr(vcpu))->time, tsc) : 0;
}

u64 vmitap_clock_system_ns(void)
{
	u64 tsc;

	return read_both(&tsc);
}

void vmitap_clock_sample_take(struct vmitap_clock_sample *sample)
{
	u64 tsc, now;

	preempt_disable();
	now = read_both(&tsc);
	preempt_enable();
	if (!now)
		return;
	/* Read like a seqlock: odd while it is written. */
	vmitap_store_relaxed(&sample->version, sample->version + 1);
	vmitap_write_fence();
	vmitap_store_relaxed(&sample->tsc_khz, tsc_khz);
	vmitap_store_relaxed(&sample->tsc, tsc);
	vmitap_store_relaxed(&sample->system_ns, now);
	vmitap_write_fence();
	vmitap_store_relaxed(&sample->version, sample->version + 1);
}
