/* SPDX-License-Identifier: GPL-2.0 */
/* The channel's keys in xenstore (xen_abi.h). Process context; waits for xenstored. */
#ifndef VMITAP_XENSTORE_H
#define VMITAP_XENSTORE_H

#include "channel.h"

/* 0 or a negative errno. */
int vmitap_xenstore_advertise(struct vmitap_channel *channel);
void vmitap_xenstore_withdraw(struct vmitap_channel *channel);

#endif /* VMITAP_XENSTORE_H */
