/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What VMITAP_MARK and VMITAP_TRIGGER leave in a kernel module, and what it calls in vmitap.ko. Not for
 * use by hand: include vmitap/mark.h or vmitap/trigger.h.
 *
 * A site is the first member of a descriptor, a static object in the section "vmitap_sites" whose type
 * carries the C types (site.h says how). It begins with a tracepoint without probes, which the module
 * loader hands to whoever asks for the tracepoints of a module (register_tracepoint_module_notifier):
 * that is how vmitap.ko finds it, and its key is the trigger's static branch.
 */
#ifndef VMITAP_KERNEL_SITE_H
#define VMITAP_KERNEL_SITE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/tracepoint-defs.h>
#include <linux/types.h>

struct sk_buff;
struct vmitap_plan;
struct vmitap_origin;

/* The name of every site's tracepoint, by address; the number is that of this layout: a module of another
 * one does not load. */
extern const char vmitap_sites_3[];

enum vmitap_site_kind {
	VMITAP_KERNEL_TRIGGER = 1,
	VMITAP_KERNEL_MARK,
	VMITAP_KERNEL_MARK_PER_CPU,
	VMITAP_KERNEL_PACKET_TRIGGER, /* packet_trigger.h */
};

/*
 * What brings a trigger's site to be reached, a probe at a tracepoint for example. It is attached only while the trigger is
 * armed, so that nobody pays for one that is not. Process context, one call at a time; they may sleep. Calls may come as long
 * as the module's memory stands: before its init function, and after its exit function.
 */
struct vmitap_attachment {
	int (*attach)(void); /* 0 or a negative errno: the trigger is not armed then */
	void (*detach)(void);
};

struct vmitap_kernel_site {
	struct tracepoint tracepoint;
	const void *variable; /* marks; of a per-CPU variable what per_cpu_ptr() takes */
	u64 size;	      /* of the variable, or of the argument struct; bytes */
	u32 text_size;
	u32 line;
	u16 kind; /* enum vmitap_site_kind */
	u16 arguments;
	const struct vmitap_attachment *attachment; /* NULL: the site is reached by itself */

	/* vmitap.ko's own, zero at the start. */
	u32 id;
	atomic_t passed;
	bool chooses; /* its plan has a filter, or takes one fire in so many */
	struct vmitap_plan __rcu *plan;
	struct vmitap_origin *origin;
	struct list_head list;
};

/*
 * Fires an armed trigger; args points at its argument struct. From any context in which RCU watches: process,
 * softirq, hardirq, NMI. Takes no lock, allocates nothing, never sleeps. Waits only in SYNC mode, with
 * preemption off, and no longer than the host's time limit.
 */
void vmitap_fire(struct vmitap_kernel_site *site, const void *args);

/* Whether a packet is to be recorded: it passes the filter, and is one in so many if the host asked for
 * that. As vmitap_fire(), but not in NMI context. The packet is nobody else's meanwhile; it is left as it was. */
bool vmitap_packet_passes(struct vmitap_kernel_site *site, struct sk_buff *packet);
static inline bool vmitap_packet_wanted(struct vmitap_kernel_site *site, struct sk_buff *packet)
{
	return !READ_ONCE(site->chooses) || vmitap_packet_passes(site, packet);
}
/* Fires for a packet that is wanted. */
void vmitap_packet_fire(struct vmitap_kernel_site *site, const void *args, struct sk_buff *packet);

#define VMITAP_SITE_INITIAL_(kind_, attachment_, variable_, size_, text_, arguments_) \
	{                                                                \
		.tracepoint = { .name = vmitap_sites_3, .key = STATIC_KEY_INIT_FALSE }, \
		.variable = (variable_), .size = (size_), .text_size = sizeof(text_),   \
		.line = __LINE__, .kind = (kind_), .arguments = (arguments_),           \
		.attachment = (attachment_),                                            \
	}

/* Of what is filled before it is used: kernels may be built to zero all that is not said to be so. */
#define VMITAP_FILLED_LATER __attribute__((__uninitialized__))

#define VMITAP_SITES_SECTION_ __section("vmitap_sites")

/* An entry of the module's table of tracepoints: an offset, as __TRACEPOINT_ENTRY() makes it. */
#ifndef CONFIG_HAVE_ARCH_PREL32_RELOCATIONS
#error "vmitap knows tables of tracepoints with relative entries only"
#endif
#define VMITAP_SITE_ENTRY_(object)                        \
	".pushsection __tracepoints_ptrs, \"a\"\n\t"      \
	".balign 4\n\t"                                   \
	".long " object " - .\n\t"                        \
	".popsection"

#endif /* VMITAP_KERNEL_SITE_H */
