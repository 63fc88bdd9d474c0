// SPDX-License-Identifier: GPL-2.0
#include "program.h"

#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/page.h>

#include "clock.h"
#include "state.h"
#include "xenstore.h"

/*
 * What one program may ask for at most: rings and catalog, in pages. All that all of them pin: an eighth of the memory, and
 * half of what the domain may grant, as its disks and network need grants, too.
 */
#define PAGES_MAX 8192
#define SHARE_OF_MEMORY 8
#define SHARE_OF_GRANTS 2
/*
 * Each has an event channel, and keys in xenstore, of which a domain has a thousand, and those of its devices are among them.
 * dom0 looks at 64 channels, the kernel's among them. No user but root gets all.
 */
#define PROGRAMS_MAX 63
#define PROGRAMS_OF_USER_MAX 32

static LIST_HEAD(programs);
static DEFINE_MUTEX(programs_lock); /* outside of each program's own; of what follows, too */
static unsigned long pinned;

static irqreturn_t host_notified(int irq, void *context)
{
	struct vmitap_program *program = context;

	wake_up_all(&program->changed);
	/* Unless it is under way: the clock's first sample should not wait. */
	queue_delayed_work(vmitap_queue, &program->tick, 0);
	return IRQ_HANDLED;
}

/* Once a second while a host is present. */
static void tick(struct work_struct *work)
{
	struct vmitap_program *program = container_of(to_delayed_work(work), struct vmitap_program, tick);
	bool present;

	mutex_lock(&program->lock);
	present = !program->leaving && vmitap_channel_present(&program->channel);
	if (present)
		vmitap_clock_sample_take(&program->channel.directory->clock);
	mutex_unlock(&program->lock);
	if (present != READ_ONCE(program->present_told))
		wake_up_all(&program->changed);
	if (present)
		queue_delayed_work(vmitap_queue, &program->tick, HZ);
}

static unsigned long page_table_root(const struct vmitap_program *program)
{
	return virt_to_gfn(program->mm->pgd) << PAGE_SHIFT;
}

static u64 pages_of(const struct vmitap_device_channel *wanted)
{
	return (u64)wanted->rings * wanted->slots_per_ring * VMITAP_SLOT_SIZE / VMITAP_PAGE_SIZE + wanted->catalog_pages;
}

static bool is_possible(const struct vmitap_device_channel *wanted)
{
	if (wanted->abi_version != VMITAP_DEVICE_ABI_VERSION || strnlen(wanted->name, VMITAP_NAME_MAX) == VMITAP_NAME_MAX)
		return false;
	if (wanted->rings < 1 || wanted->rings > VMITAP_RING_COUNT_MAX ||
	    !is_power_of_2(wanted->slots_per_ring) || wanted->slots_per_ring < VMITAP_SLOTS_PER_RING_MIN ||
	    wanted->slots_per_ring > VMITAP_SLOTS_PER_RING_MAX || wanted->catalog_pages < 1)
		return false;
	return pages_of(wanted) <= PAGES_MAX;
}

static int make_channel(struct vmitap_program *program, const struct vmitap_device_channel *wanted)
{
	struct vmitap_channel_geometry geometry = {
		.rings = wanted->rings,
		.slots = wanted->slots_per_ring,
		.catalog_pages = wanted->catalog_pages,
		.page_table_root = page_table_root(program),
		.pid = program->pid,
	};
	char node[16], name[VMITAP_NAME_MAX];
	unsigned int i;
	int error;

	snprintf(node, sizeof(node), "%d", program->pid);
	for (i = 0; i < sizeof(name); i++)
		name[i] = !wanted->name[i] || isprint(wanted->name[i]) ? wanted->name[i] : '?';
	geometry.node = node;
	geometry.name = name[0] ? name : "?";
	error = vmitap_channel_open(&program->channel, &geometry, host_notified, program);
	if (!error)
		vmitap_clock_sample_take(&program->channel.directory->clock);
	return error;
}

/* xenstored may not answer: then nobody waits but who asks it. */
static int advertise(struct vmitap_program *program)
{
	int error = 0;

	mutex_lock(&program->lock);
	if (!program->channel.advertised)
		error = vmitap_xenstore_advertise(&program->channel);
	mutex_unlock(&program->lock);
	return error;
}

/* Also one that leaves, until xenstore has it no more: its pages may be mapped longer than its number is its own. */
static bool is_known(pid_t pid)
{
	const struct vmitap_program *program;

	list_for_each_entry(program, &programs, list)
		if (program->pid == pid &&
		    (!READ_ONCE(program->leaving) || READ_ONCE(program->channel.advertised)))
			return true;
	return false;
}

/* Those that left count while somebody has their file. */
static bool are_too_many(kuid_t user)
{
	const struct vmitap_program *program;
	unsigned int all = 0, of_user = 0;

	list_for_each_entry(program, &programs, list) {
		all++;
		of_user += uid_eq(program->user, user);
	}
	return all >= PROGRAMS_MAX || (of_user >= PROGRAMS_OF_USER_MAX && !uid_eq(user, GLOBAL_ROOT_UID));
}

static unsigned long pinned_max(void)
{
	const unsigned long grants = gnttab_max_grant_frames() * (XEN_PAGE_SIZE / sizeof(struct grant_entry_v1));

	return min(totalram_pages() / SHARE_OF_MEMORY, grants / SHARE_OF_GRANTS);
}

static int add(struct vmitap_program *program, const struct vmitap_device_channel *wanted)
{
	unsigned int pages;
	int error;

	if (is_known(program->pid))
		return -EBUSY;
	if (are_too_many(program->user) || pinned + pages_of(wanted) > pinned_max())
		return -ENOSPC;
	error = make_channel(program, wanted);
	if (error)
		return error;
	pages = vmitap_channel_pages(&program->channel) + DIV_ROUND_UP(sizeof(*program), PAGE_SIZE);
	if (pinned + pages > pinned_max())
		return -ENOSPC;
	program->pages = pages;
	pinned += pages;
	list_add_tail(&program->list, &programs);
	return 0;
}

struct vmitap_program *vmitap_program_open(struct vmitap_device_channel *wanted)
{
	struct vmitap_program *program;
	int error;

	if (!is_possible(wanted))
		return ERR_PTR(-EINVAL);
	program = kvzalloc(sizeof(*program), GFP_KERNEL_ACCOUNT);
	if (!program)
		return ERR_PTR(-ENOMEM);
	mutex_init(&program->lock);
	mutex_init(&program->publishing);
	init_waitqueue_head(&program->changed);
	INIT_DELAYED_WORK(&program->tick, tick);
	INIT_LIST_HEAD(&program->list);
	program->pid = task_tgid_nr(current);
	program->user = current_uid();
	program->mm = current->mm;
	mmgrab(program->mm);

	mutex_lock(&programs_lock);
	error = add(program, wanted);
	mutex_unlock(&programs_lock);
	error = error ?: advertise(program);
	if (error) {
		vmitap_program_close(program);
		return ERR_PTR(error);
	}
	wanted->guest_size = (u64)program->channel.guest.count * VMITAP_PAGE_SIZE;
	wanted->host_size = (u64)program->channel.host.count * VMITAP_PAGE_SIZE;
	wanted->pid = program->pid;
	return program;
}

void vmitap_program_retire(struct vmitap_program *program)
{
	bool leaves;

	mutex_lock(&program->lock);
	leaves = !program->leaving;
	program->leaving = true;
	if (leaves)
		vmitap_channel_retire(&program->channel);
	mutex_unlock(&program->lock);
	wake_up_all(&program->changed);
	/* As in advertise(). Nobody advertises who leaves. */
	if (leaves)
		vmitap_xenstore_withdraw(&program->channel);
}

void vmitap_program_close(struct vmitap_program *program)
{
	vmitap_program_retire(program);
	mutex_lock(&programs_lock);
	list_del(&program->list);
	pinned -= program->pages;
	mutex_unlock(&programs_lock);
	/* First the port, whose handler queues the tick. */
	vmitap_channel_close(&program->channel);
	cancel_delayed_work_sync(&program->tick);
	mmdrop(program->mm);
	kvfree(program);
}

static int renew(struct vmitap_program *program)
{
	int error = 0;

	mutex_lock(&program->lock);
	if (!program->leaving && vmitap_channel_is_stale(&program->channel)) {
		program->is_asked = false;
		error = vmitap_channel_renew(&program->channel, page_table_root(program));
	}
	if (!program->leaving && !error && !program->channel.advertised) {
		vmitap_clock_sample_take(&program->channel.directory->clock);
		error = vmitap_xenstore_advertise(&program->channel);
	}
	mutex_unlock(&program->lock);
	wake_up_all(&program->changed);
	return error;
}

int vmitap_programs_renew(void)
{
	struct vmitap_program *program;
	int failed = 0;

	mutex_lock(&programs_lock);
	list_for_each_entry(program, &programs, list)
		failed = renew(program) ?: failed;
	mutex_unlock(&programs_lock);
	return failed;
}
