/* SPDX-License-Identifier: GPL-2.0 */
/* The mailbox (xen_abi.h): what the host asks for, and the answers. Under vmitap_lock, in process context. */
#ifndef VMITAP_SESSION_H
#define VMITAP_SESSION_H

#include "channel.h"

/* Answers the host's request if there is a new one. */
void vmitap_session_serve(struct vmitap_channel *channel);

#endif /* VMITAP_SESSION_H */
