// SPDX-License-Identifier: GPL-2.0
#include "program.h"

#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <xen/page.h>

#include "clock.h"
#include "state.h"
#include "xenstore.h"

/* What one program may pin at most: rings and catalog, in pages. */
#define PAGES_MAX 8192

static LIST_HEAD(programs);
static DEFINE_MUTEX(programs_lock); /* outside of each program's own */

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

static bool is_possible(const struct vmitap_device_channel *wanted)
{
	u64 pages;

	if (wanted->abi_version != VMITAP_DEVICE_ABI_VERSION || strnlen(wanted->name, VMITAP_NAME_MAX) == VMITAP_NAME_MAX)
		return false;
	if (wanted->rings < 1 || wanted->rings > VMITAP_RING_COUNT_MAX ||
	    !is_power_of_2(wanted->slots_per_ring) || wanted->slots_per_ring < VMITAP_SLOTS_PER_RING_MIN ||
	    wanted->slots_per_ring > VMITAP_SLOTS_PER_RING_MAX || wanted->catalog_pages < 1)
		return false;
	pages = (u64)wanted->rings * wanted->slots_per_ring * VMITAP_SLOT_SIZE / VMITAP_PAGE_SIZE;
	return wanted->catalog_pages <= PAGES_MAX && pages <= PAGES_MAX - wanted->catalog_pages;
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
	if (error)
		return error;
	vmitap_clock_sample_take(&program->channel.directory->clock);
	return vmitap_xenstore_advertise(&program->channel);
}

static bool is_known(pid_t pid)
{
	const struct vmitap_program *program;

	list_for_each_entry(program, &programs, list)
		if (program->pid == pid && !program->leaving)
			return true;
	return false;
}

struct vmitap_program *vmitap_program_open(struct vmitap_device_channel *wanted)
{
	struct vmitap_program *program;
	int error = -EBUSY;

	if (!is_possible(wanted))
		return ERR_PTR(-EINVAL);
	program = kvzalloc(sizeof(*program), GFP_KERNEL);
	if (!program)
		return ERR_PTR(-ENOMEM);
	mutex_init(&program->lock);
	init_waitqueue_head(&program->changed);
	INIT_DELAYED_WORK(&program->tick, tick);
	INIT_LIST_HEAD(&program->list);
	program->pid = task_tgid_nr(current);
	program->mm = current->mm;
	mmgrab(program->mm);

	mutex_lock(&programs_lock);
	if (!is_known(program->pid)) {
		error = make_channel(program, wanted);
		list_add_tail(&program->list, &programs);
	}
	mutex_unlock(&programs_lock);
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
	mutex_lock(&programs_lock);
	mutex_lock(&program->lock);
	if (!program->leaving) {
		program->leaving = true;
		vmitap_xenstore_withdraw(&program->channel);
		vmitap_channel_retire(&program->channel);
	}
	mutex_unlock(&program->lock);
	mutex_unlock(&programs_lock);
	wake_up_all(&program->changed);
}

void vmitap_program_close(struct vmitap_program *program)
{
	vmitap_program_retire(program);
	mutex_lock(&programs_lock);
	list_del(&program->list);
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
