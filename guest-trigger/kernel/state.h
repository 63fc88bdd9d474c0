/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's channel and how it stands with the host:
 *
 *	down     ──► offered    channel made, catalog written, keys in xenstore
 *	offered  ──► captured   a host has set present
 *	captured ──► offered    present is gone, with the host: every trigger is disarmed
 *	any      ──► offered    the domain was restored or migrated: other grants, port and keys, no host
 *	any      ──► down       the module goes
 *
 * All transitions are made by one ordered work queue, which is frozen while the domain is saved.
 */
#ifndef VMITAP_STATE_H
#define VMITAP_STATE_H

#include <linux/mutex.h>
#include <linux/workqueue.h>

/* Holds still: registry, plans, channel and catalog. */
extern struct mutex vmitap_lock;
/* Ordered; frozen while the domain is saved and until xenstore is back. */
extern struct workqueue_struct *vmitap_queue;

/* Makes the first offer. 0 or a negative errno. */
int vmitap_state_start(void);
void vmitap_state_stop(void);

/* Under vmitap_lock: modules came or went. */
void vmitap_state_catalog_changed(void);

#endif /* VMITAP_STATE_H */
