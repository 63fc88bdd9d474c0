// SPDX-License-Identifier: GPL-2.0
/*
 * Fires one trigger from every context that a kernel has, the outer ones interrupted by the inner, on CPU 0.
 *
 *	echo ROUNDS >/dev/vmitap_contexts	returns when they are made
 *	cat /dev/vmitap_contexts		a line a context: its name, how often it fired, and how often
 *						it did so while it interrupted code that was firing
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

#include <asm/apic.h>
#include <asm/nmi.h>
#include <vmitap/trigger.h>

static unsigned int burst = 200;
module_param(burst, uint, 0444);
MODULE_PARM_DESC(burst, "records of a round from process context (default 200)");

enum context { PROCESS, SOFTIRQ, TIMER, IPI, NMI, CONTEXTS };
static const char *const names[] = { "process", "softirq", "timer", "ipi", "nmi" };
enum seen { IN_TASK, IN_SOFTIRQ, IN_HARDIRQ, IN_NMI };

static atomic64_t fired[CONTEXTS], inside[CONTEXTS];
static DEFINE_PER_CPU(unsigned int, firing);
static bool bursting;
static bool nmi_expected;
static DEFINE_MUTEX(running);

/* What the kernel itself says of where we are. */
static enum seen here(void)
{
	return in_nmi() ? IN_NMI : in_hardirq() ? IN_HARDIRQ : in_serving_softirq() ? IN_SOFTIRQ : IN_TASK;
}

static noinline void fire(enum context context)
{
	const u64 number = atomic64_inc_return(&fired[context]);
	const bool interrupts = this_cpu_read(firing) != 0;
	const enum seen seen = here();

	if (interrupts)
		atomic64_inc(&inside[context]);
	this_cpu_inc(firing);
	VMITAP_TRIGGER(context_fired, context, seen, number, interrupts);
	this_cpu_dec(firing);
}

static void tick(struct timer_list *timer);
static DEFINE_TIMER(ticker, tick);

static void tick(struct timer_list *timer)
{
	fire(SOFTIRQ);
	mod_timer(timer, jiffies + 1);
}

static struct hrtimer alarm;

static enum hrtimer_restart ring(struct hrtimer *timer)
{
	fire(TIMER);
	hrtimer_forward_now(timer, ns_to_ktime(500 * NSEC_PER_USEC));
	return HRTIMER_RESTART;
}

static void called(void *unused)
{
	fire(IPI);
}

static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	if (!xchg(&nmi_expected, false))
		return NMI_DONE;
	fire(NMI);
	return NMI_HANDLED;
}

/* From another CPU: what interrupts the bursts. One NMI at a time, as those that meet become one. */
static int interrupt_bursts(void *unused)
{
	while (!kthread_should_stop()) {
		if (READ_ONCE(bursting) && !READ_ONCE(nmi_expected)) {
			WRITE_ONCE(nmi_expected, true);
			apic->send_IPI_mask(cpumask_of(0), NMI_VECTOR);
			smp_call_function_single(0, called, NULL, 1);
		}
		cond_resched();
	}
	return 0;
}

struct job {
	u64 rounds;
	struct completion done;
};

static int make_bursts(void *data)
{
	struct job *job = data;
	unsigned int i;

	hrtimer_start(&alarm, ns_to_ktime(500 * NSEC_PER_USEC), HRTIMER_MODE_REL_PINNED_HARD);
	mod_timer(&ticker, jiffies + 1);
	while (job->rounds--) {
		WRITE_ONCE(bursting, true);
		for (i = 0; i < burst; i++)
			fire(PROCESS);
		WRITE_ONCE(bursting, false);
		msleep(20);
	}
	del_timer_sync(&ticker);
	hrtimer_cancel(&alarm);
	complete(&job->done);
	return 0;
}

static struct task_struct *start(int (*work)(void *), void *data, unsigned int cpu, const char *name)
{
	struct task_struct *thread = kthread_create(work, data, "%s", name);

	if (!IS_ERR(thread)) {
		kthread_bind(thread, cpu);
		wake_up_process(thread);
	}
	return thread;
}

static int run(u64 rounds)
{
	struct job job = { .rounds = rounds };
	struct task_struct *interrupter, *worker;

	init_completion(&job.done);
	interrupter = start(interrupt_bursts, NULL, 1, "interrupter");
	if (IS_ERR(interrupter))
		return PTR_ERR(interrupter);
	worker = start(make_bursts, &job, 0, "bursts");
	if (!IS_ERR(worker))
		wait_for_completion(&job.done);
	kthread_stop(interrupter);
	return PTR_ERR_OR_ZERO(worker);
}

static ssize_t run_write(struct file *file, const char __user *text, size_t size, loff_t *position)
{
	u64 rounds;
	int error = kstrtou64_from_user(text, size, 0, &rounds) ?: mutex_lock_interruptible(&running);

	if (error)
		return error;
	error = run(min_t(u64, rounds, 1000));
	mutex_unlock(&running);
	return error ?: size;
}

static int show(struct seq_file *file, void *unused)
{
	unsigned int i;

	for (i = 0; i < CONTEXTS; i++)
		seq_printf(file, "%s %lld %lld\n", names[i], (long long)atomic64_read(&fired[i]),
			   (long long)atomic64_read(&inside[i]));
	return 0;
}

static int show_open(struct inode *inode, struct file *file)
{
	file->private_data = NULL; /* the misc device, which seq_open() does not expect there */
	return single_open(file, show, NULL);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = show_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
	.write = run_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmitap_contexts",
	.fops = &operations,
	.mode = 0600,
};

static int __init contexts_init(void)
{
	int error;

	if (!cpu_online(0) || !cpu_online(1))
		return -ENODEV;
	hrtimer_init(&alarm, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	alarm.function = ring;
	error = register_nmi_handler(NMI_LOCAL, on_nmi, 0, "vmitap_contexts");
	if (error)
		return error;
	error = misc_register(&device);
	if (error)
		unregister_nmi_handler(NMI_LOCAL, "vmitap_contexts");
	return error;
}

static void __exit contexts_exit(void)
{
	misc_deregister(&device);
	unregister_nmi_handler(NMI_LOCAL, "vmitap_contexts");
}

module_init(contexts_init);
module_exit(contexts_exit);
MODULE_DESCRIPTION("Fires a vmitap trigger from every context");
MODULE_LICENSE("GPL");
