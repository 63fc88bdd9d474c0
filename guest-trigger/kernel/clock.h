/* SPDX-License-Identifier: GPL-2.0 */
/* Samples of the TSC against Xen's system time, for the host. Process context. */
#ifndef VMITAP_CLOCK_H
#define VMITAP_CLOCK_H

#include "vmitap/xen_abi.h"

/* Takes one. Where the kernel's own view of Xen's clock is not found, none is ever taken (version stays 0). */
void vmitap_clock_sample_take(struct vmitap_clock_sample *sample);

#endif /* VMITAP_CLOCK_H */
