/* SPDX-License-Identifier: GPL-2.0 */
/* Xen's system time, and samples of the TSC against it for the host. */
#ifndef VMITAP_CLOCK_H
#define VMITAP_CLOCK_H

#include "vmitap/xen_abi.h"

/* Nanoseconds; 0 where the kernel's own view of Xen's clock was not found. Any context, with preemption off. */
u64 vmitap_clock_system_ns(void);
/* Takes a sample. Process context. Without such a view none is ever taken (version stays 0). */
void vmitap_clock_sample_take(struct vmitap_clock_sample *sample);

#endif /* VMITAP_CLOCK_H */
