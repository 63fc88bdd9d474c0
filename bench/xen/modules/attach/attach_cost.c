// SPDX-License-Identifier: GPL-2.0
/*
 * What a call costs whose function has a probe that only counts, by the way in which the probe is attached:
 *
 *	cat /proc/attach_cost		a line a way: its name, then quartile, median and quartile of ps a call, in
 *					excess of the same function with nothing attached in the same round
 *
 * Each way has a function of its own, all alike; they take turns, so that what disturbs one disturbs all.
 */
#include <linux/ftrace.h>
#include <linux/irqflags.h>
#include <linux/kprobes.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/sort.h>
#include <linux/tracepoint.h>

#include <asm/msr.h>
#include <asm/tsc.h>

#define CALLS 500
#define ROUNDS 201

DECLARE_TRACE(attach_cost_probed, TP_PROTO(const struct sk_buff *skb), TP_ARGS(skb));
DECLARE_TRACE(attach_cost_idle, TP_PROTO(const struct sk_buff *skb), TP_ARGS(skb));
DEFINE_TRACE(attach_cost_probed, TP_PROTO(const struct sk_buff *skb), TP_ARGS(skb));
DEFINE_TRACE(attach_cost_idle, TP_PROTO(const struct sk_buff *skb), TP_ARGS(skb));

static u64 bytes, packets;

/* Like a function of the network's: what ftrace patches, some work, a tracepoint. Work first, as a jump finds no room at a tracepoint. */
#define CALLED(name, point, attributes)                           \
	static noinline attributes void name(const struct sk_buff *skb) \
	{                                                         \
		WRITE_ONCE(bytes, bytes + skb->len);              \
		WRITE_ONCE(packets, packets + 1);                 \
		trace_attach_cost_##point(skb);                   \
	}
CALLED(bare, idle, )
CALLED(by_tracepoint, probed, )
CALLED(by_ftrace, idle, )
CALLED(by_kprobe_on_ftrace, idle, )
/* Without ftrace's place a kprobe is a breakpoint, or a jump where the kernel can make it one. */
CALLED(by_kprobe_jump, idle, notrace)
CALLED(by_kprobe_breakpoint, idle, notrace)

static u64 hits;

static void on_tracepoint(void *context, const struct sk_buff *skb)
{
	hits++;
}

static void notrace on_ftrace(unsigned long ip, unsigned long parent, struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	hits++;
}

static int on_kprobe(struct kprobe *probe, struct pt_regs *regs)
{
	hits++;
	return 0;
}

/* A kprobe with one is not made a jump. */
static void after_kprobe(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct ftrace_ops ops = { .func = on_ftrace };
static struct kprobe on_entry = { .addr = (kprobe_opcode_t *)by_kprobe_on_ftrace, .pre_handler = on_kprobe };
static struct kprobe jump = { .addr = (kprobe_opcode_t *)by_kprobe_jump, .pre_handler = on_kprobe };
static struct kprobe breakpoint = { .addr = (kprobe_opcode_t *)by_kprobe_breakpoint,
				    .pre_handler = on_kprobe,
				    .post_handler = after_kprobe };

static int attach_tracepoint(void)
{
	return tracepoint_probe_register(&__tracepoint_attach_cost_probed, on_tracepoint, NULL);
}

static void detach_tracepoint(void)
{
	tracepoint_probe_unregister(&__tracepoint_attach_cost_probed, on_tracepoint, NULL);
	tracepoint_synchronize_unregister();
}

static int attach_ftrace(void)
{
	int error = ftrace_set_filter_ip(&ops, (unsigned long)by_ftrace, 0, 0);

	return error ?: register_ftrace_function(&ops);
}

static void detach_ftrace(void)
{
	unregister_ftrace_function(&ops);
	ftrace_free_filter(&ops);
}

static int attach_on_entry(void) { return register_kprobe(&on_entry); }
static void detach_on_entry(void) { unregister_kprobe(&on_entry); }
static int attach_jump(void) { return register_kprobe(&jump); }
static void detach_jump(void) { unregister_kprobe(&jump); }
static int attach_breakpoint(void) { return register_kprobe(&breakpoint); }
static void detach_breakpoint(void) { unregister_kprobe(&breakpoint); }

/* Whether it is what it is called: the kernel decides what it makes of a kprobe. */
static bool on_entry_is(void) { return kprobe_ftrace(&on_entry); }
static bool jump_is(void) { return kprobe_optimized(&jump); }
static bool breakpoint_is(void) { return !kprobe_optimized(&breakpoint) && !kprobe_ftrace(&breakpoint); }

struct way {
	const char *name;
	void (*call)(const struct sk_buff *skb);
	int (*attach)(void);
	void (*detach)(void);
	bool (*is)(void);
	s64 ps[ROUNDS];
	bool attached;
	bool there; /* and what its name says */
};

static struct way ways[] = {
	{ "tracepoint", by_tracepoint, attach_tracepoint, detach_tracepoint },
	{ "ftrace", by_ftrace, attach_ftrace, detach_ftrace },
	{ "kprobe_on_ftrace", by_kprobe_on_ftrace, attach_on_entry, detach_on_entry, on_entry_is },
	{ "kprobe_jump", by_kprobe_jump, attach_jump, detach_jump, jump_is },
	{ "kprobe_breakpoint", by_kprobe_breakpoint, attach_breakpoint, detach_breakpoint, breakpoint_is },
};

static struct sk_buff *skb;

static u64 ps_of_call(void (*call)(const struct sk_buff *skb))
{
	unsigned long flags;
	unsigned int i;
	u64 ticks;

	local_irq_save(flags);
	ticks = rdtsc_ordered();
	for (i = 0; i < CALLS; i++)
		call(skb);
	ticks = rdtsc_ordered() - ticks;
	local_irq_restore(flags);
	return div_u64(ticks * 1000000, CALLS) * 1000 / tsc_khz;
}

static int compare(const void *left, const void *right)
{
	const s64 a = *(const s64 *)left, b = *(const s64 *)right;

	return a < b ? -1 : a > b;
}

/* Each call of a way's function has to have come to its probe. */
static int measure(unsigned int round)
{
	const u64 nothing = ps_of_call(bare);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		struct way *way = &ways[(i + round) % ARRAY_SIZE(ways)];
		const u64 before = hits;

		if (!way->there)
			continue;
		way->ps[round] = (s64)ps_of_call(way->call) - (s64)nothing;
		if (hits != before + CALLS)
			return -EPROTO;
		cond_resched();
	}
	return 0;
}

static int show(struct seq_file *file, void *unused)
{
	unsigned int round;
	size_t i;
	int error;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		ways[i].there = !ways[i].is || ways[i].is();
		if (!ways[i].there)
			pr_info("attach_cost: the kernel has made something else of %s\n", ways[i].name);
	}
	for (round = 0; round < ROUNDS; round++) {
		error = measure(round);
		if (error)
			return error;
	}
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!ways[i].there)
			continue;
		sort(ways[i].ps, ROUNDS, sizeof(*ways[i].ps), compare, NULL);
		seq_printf(file, "%s %lld %lld %lld\n", ways[i].name, ways[i].ps[ROUNDS / 4], ways[i].ps[ROUNDS / 2],
			   ways[i].ps[3 * ROUNDS / 4]);
	}
	return 0;
}

static void detach(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (ways[i].attached)
			ways[i].detach();
	kfree_skb(skb);
}

static int __init attach_cost_init(void)
{
	size_t i;
	int error = 0;

	skb = alloc_skb(0, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(ways) && !error; i++) {
		error = ways[i].attach();
		ways[i].attached = !error;
		if (error)
			pr_err("attach_cost: %s: %d\n", ways[i].name, error);
	}
	if (!error && !proc_create_single("attach_cost", 0400, NULL, show))
		error = -ENOMEM;
	if (error)
		detach();
	return error;
}

static void __exit attach_cost_exit(void)
{
	remove_proc_entry("attach_cost", NULL);
	detach();
}

module_init(attach_cost_init);
module_exit(attach_cost_exit);
MODULE_DESCRIPTION("What the ways of attaching a probe cost a call");
MODULE_LICENSE("GPL");
