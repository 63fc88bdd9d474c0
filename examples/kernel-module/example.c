// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel module that vmitap can watch: threads on all CPUs take their stations from step to step.
 *
 *	insmod vmitap_example.ko [count=STEPS] [pause_us=N] [threads=N] [timer=1]
 *	echo STEPS >/dev/vmitap_example		each thread makes so many; returns when all are done
 *	cat /dev/vmitap_example			what the stations were at each step
 *
 * With count, a run is made when the module is loaded. timer=1: a trigger fires in softirq context as well,
 * at each tick.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <vmitap/mark.h>
#include <vmitap/trigger.h>

#include "history.h"
#include "station.h"

static unsigned int count;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "steps of each thread in a run at load (default 0: none)");
static unsigned int pause_us = 100;
module_param(pause_us, uint, 0644);
MODULE_PARM_DESC(pause_us, "microseconds between two steps (default 100)");
static unsigned int threads;
module_param(threads, uint, 0444);
MODULE_PARM_DESC(threads, "how many (default: one on each CPU)");
static bool timer;
module_param(timer, bool, 0444);
MODULE_PARM_DESC(timer, "also fire at each tick, in softirq context (default 0)");

static DEFINE_MUTEX(running);
static DECLARE_COMPLETION(worked);
static u64 steps_to_make;

static u64 example_ticks;
VMITAP_MARK(example_ticks);

static void tick(struct timer_list *unused);
static DEFINE_TIMER(ticker, tick);

static void tick(struct timer_list *unused)
{
	example_ticks++;
	VMITAP_TRIGGER(example_tick, example_ticks);
	mod_timer(&ticker, jiffies + 1);
}

static int work(void *data)
{
	struct station *station = data;
	u64 step;

	for (step = 1; step <= steps_to_make; step++) {
		station_advance(station, step);
		history_add(station);
		if (pause_us >= 10)
			usleep_range(pause_us, pause_us + pause_us / 4);
		else if (pause_us)
			udelay(pause_us);
		else
			cond_resched();
	}
	complete(&worked);
	return 0;
}

/* One at a time. */
static int run(u64 steps)
{
	unsigned int i, started = 0, cpu = cpumask_first(cpu_online_mask);
	int error = history_begin(array_size(steps, threads));

	if (error)
		return error;
	steps_to_make = steps;
	for (i = 0; i < threads; i++) {
		struct task_struct *thread = kthread_create(work, &stations[i], "station/%u", i);

		if (IS_ERR(thread)) {
			error = PTR_ERR(thread);
			break;
		}
		stations[i].number = i;
		kthread_bind(thread, cpu);
		wake_up_process(thread);
		started++;
		cpu = cpumask_next_wrap(cpu, cpu_online_mask, nr_cpu_ids, false);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
	}
	while (started--)
		wait_for_completion(&worked);
	return error;
}

static ssize_t run_write(struct file *file, const char __user *text, size_t size, loff_t *position)
{
	u64 steps;
	int error = kstrtou64_from_user(text, size, 0, &steps);

	if (error)
		return error;
	if (steps > 1000000)
		return -E2BIG;
	error = mutex_lock_interruptible(&running);
	if (error)
		return error;
	error = run(steps);
	mutex_unlock(&running);
	return error ?: size;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = history_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = seq_release,
	.write = run_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmitap_example",
	.fops = &operations,
	.mode = 0600,
};

static int __init example_init(void)
{
	int error;

	if (!threads)
		threads = num_online_cpus();
	threads = min_t(unsigned int, threads, STATIONS_MAX);
	if (count) {
		error = run(count);
		if (error)
			return error;
	}
	error = misc_register(&device);
	if (error) {
		history_end();
		return error;
	}
	if (timer)
		mod_timer(&ticker, jiffies + 1);
	return 0;
}

static void __exit example_exit(void)
{
	del_timer_sync(&ticker);
	misc_deregister(&device);
	history_end();
}

module_init(example_init);
module_exit(example_exit);
MODULE_DESCRIPTION("A module for vmitap to watch");
MODULE_LICENSE("GPL");
