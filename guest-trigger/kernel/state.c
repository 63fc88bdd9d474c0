// SPDX-License-Identifier: GPL-2.0
#include "state.h"

#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/workqueue.h>
#include <xen/xen-ops.h>

#include "catalog.h"
#include "channel.h"
#include "clock.h"
#include "image.h"
#include "log.h"
#include "program.h"
#include "registry.h"
#include "rings.h"
#include "session.h"
#include "xenstore.h"

static unsigned int slots = 1024;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "slots of 64 bytes in each vCPU's ring, a power of two, 16 to 65536 (default 1024)");

static unsigned int catalog_pages = 32;
module_param(catalog_pages, uint, 0444);
MODULE_PARM_DESC(catalog_pages, "pages for the list of triggers and marks, about 40 in each (default 32)");

DEFINE_MUTEX(vmitap_lock);
struct workqueue_struct *vmitap_queue;

static enum { DOWN, OFFERED, CAPTURED } state;
static struct vmitap_channel channel;

/* While a host is present: how often the clock is sampled, and how long a host that died without a word
 * can go unnoticed. After a restore: how soon we try again. */
#define TICK HZ

static irqreturn_t host_notified(int irq, void *context);
static void host_event(struct work_struct *work);
static void tick(struct work_struct *work);
static void begin_anew(struct work_struct *work);
static DECLARE_WORK(host_work, host_event);
static DECLARE_DELAYED_WORK(tick_work, tick);
static DECLARE_DELAYED_WORK(anew_work, begin_anew);

static irqreturn_t host_notified(int irq, void *context)
{
	queue_work(vmitap_queue, &host_work);
	return IRQ_HANDLED;
}

/* down -> offered */
static int offer(void)
{
	const struct vmitap_channel_geometry geometry = {
		.rings = nr_cpu_ids,
		.slots = slots,
		.catalog_pages = catalog_pages,
		.page_table_root = vmitap_image_page_table_root(),
		.node = VMITAP_XENSTORE_KERNEL,
		.name = "kernel",
	};
	int error = vmitap_channel_open(&channel, &geometry, host_notified, &channel);

	if (error)
		return error;
	vmitap_image_describe(&channel.directory->kernel);
	vmitap_clock_sample_take(&channel.directory->clock);
	vmitap_catalog_write(&channel);
	error = vmitap_rings_open(&channel) ?: vmitap_xenstore_advertise(&channel);
	if (error) {
		vmitap_rings_close();
		vmitap_channel_close(&channel);
		return error;
	}
	state = OFFERED;
	return 0;
}

/* offered -> captured */
static void capture(void)
{
	state = CAPTURED;
	vmitap_clock_sample_take(&channel.directory->clock);
	queue_delayed_work(vmitap_queue, &tick_work, TICK);
}

/* captured -> offered */
static void release(void)
{
	vmitap_registry_disarm_all();
	state = OFFERED;
}

/* any -> down */
static void take_down(void)
{
	if (state == DOWN)
		return;
	vmitap_registry_disarm_all();
	vmitap_xenstore_withdraw(&channel);
	vmitap_rings_close();
	vmitap_channel_close(&channel);
	state = DOWN;
}

static void follow_host(void)
{
	bool present;

	if (state == DOWN)
		return;
	present = vmitap_channel_present(&channel);
	if (state == OFFERED && present)
		capture();
	else if (state == CAPTURED && !present)
		release();
}

static void host_event(struct work_struct *work)
{
	mutex_lock(&vmitap_lock);
	follow_host();
	if (state != DOWN)
		vmitap_session_serve(&channel);
	mutex_unlock(&vmitap_lock);
}

static void tick(struct work_struct *work)
{
	mutex_lock(&vmitap_lock);
	follow_host();
	if (state == CAPTURED) {
		vmitap_clock_sample_take(&channel.directory->clock);
		queue_delayed_work(vmitap_queue, &tick_work, TICK);
	}
	mutex_unlock(&vmitap_lock);
}

void vmitap_state_catalog_changed(void)
{
	if (state == DOWN)
		return;
	vmitap_catalog_write(&channel);
	vmitap_channel_notify(&channel);
}

/* captured or offered -> offered, in a domain that was restored */
static int renew(void)
{
	int error;

	if (state == DOWN || (channel.advertised && !vmitap_channel_is_stale(&channel)))
		return 0;
	release();
	error = vmitap_channel_renew(&channel, vmitap_image_page_table_root());
	if (error)
		return error;
	vmitap_clock_sample_take(&channel.directory->clock);
	return vmitap_xenstore_advertise(&channel);
}

static void begin_anew(struct work_struct *work)
{
	int error;

	mutex_lock(&vmitap_lock);
	error = renew();
	mutex_unlock(&vmitap_lock);
	error = vmitap_programs_renew() ?: error;
	if (error) {
		vmitap_err("cannot offer all channels after the restore: %d; trying again\n", error);
		queue_delayed_work(vmitap_queue, &anew_work, TICK);
	}
}

/* The domain runs again. Xenstore is not back yet: the queue is frozen until it is. */
static int resumed(struct notifier_block *block, unsigned long event, void *data)
{
	if (state != DOWN && vmitap_channel_is_stale(&channel))
		queue_delayed_work(vmitap_queue, &anew_work, 0);
	return NOTIFY_OK;
}

static struct notifier_block resume_notice = { .notifier_call = resumed };

int vmitap_state_start(void)
{
	int error;

	if (!is_power_of_2(slots) || slots < VMITAP_SLOTS_PER_RING_MIN || slots > VMITAP_SLOTS_PER_RING_MAX ||
	    catalog_pages < 1 || catalog_pages > 4096) {
		vmitap_err("slots must be a power of two from 16 to 65536, catalog_pages 1 to 4096\n");
		return -EINVAL;
	}
	vmitap_queue = alloc_ordered_workqueue("vmitap", WQ_FREEZABLE);
	if (!vmitap_queue)
		return -ENOMEM;
	mutex_lock(&vmitap_lock);
	error = offer();
	mutex_unlock(&vmitap_lock);
	if (error) {
		destroy_workqueue(vmitap_queue);
		return error;
	}
	xen_resume_notifier_register(&resume_notice);
	return 0;
}

void vmitap_state_stop(void)
{
	xen_resume_notifier_unregister(&resume_notice);
	cancel_delayed_work_sync(&anew_work);
	mutex_lock(&vmitap_lock);
	take_down();
	mutex_unlock(&vmitap_lock);
	/* Nobody queues any more but the tick, which sees that we are down. */
	cancel_delayed_work_sync(&tick_work);
	cancel_work_sync(&host_work);
	destroy_workqueue(vmitap_queue);
}
