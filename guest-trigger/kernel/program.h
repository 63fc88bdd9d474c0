/* SPDX-License-Identifier: GPL-2.0 */
/* The channel of a program that opened /dev/vmitap. Process context, but where it says so. */
#ifndef VMITAP_PROGRAM_H
#define VMITAP_PROGRAM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "channel.h"
#include "mailbox.h"
#include "vmitap/device_abi.h"

struct vmitap_program {
	struct list_head list;
	struct mutex lock; /* of channel and mailbox, but for notify and present */
	struct mutex publishing; /* outside of lock: a program's catalogs come one at a time */
	struct vmitap_channel channel;
	wait_queue_head_t changed;   /* the host notified us, or is gone */
	struct delayed_work tick;
	struct mm_struct *mm; /* its page tables' top stays allocated while we tell of it */
	pid_t pid;
	kuid_t user;
	unsigned int pages; /* pinned */
	bool leaving;
	bool present_told; /* presence as the program knows it */
	bool is_asked;	   /* it has read a request and not answered yet */
	struct vmitap_request request; /* that one */
};

/* Makes and advertises the channel of the calling program. Or an ERR_PTR. */
struct vmitap_program *vmitap_program_open(struct vmitap_device_channel *wanted);
/* The program goes or wants no more: takes it out of xenstore. What it maps stays. */
void vmitap_program_retire(struct vmitap_program *program);
void vmitap_program_close(struct vmitap_program *program);

/* After a restore: all of them get grants, ports and keys anew. 0 or a negative errno: then try again. */
int vmitap_programs_renew(void);

#endif /* VMITAP_PROGRAM_H */
