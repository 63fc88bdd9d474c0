// SPDX-License-Identifier: GPL-2.0
#include "image.h"

#include <linux/cpumask.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <xen/page.h>

#include <asm/ibt.h>

#include "log.h"

static struct vmitap_kernel_image found;
static void *top_page_table;
static struct vcpu_info *__percpu *vcpu_info;

typedef unsigned long (*lookup_t)(const char *name);

/* The kernel does not export it, but puts a probe where it stands. */
static lookup_t find_lookup(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long address;

	if (register_kprobe(&probe))
		return NULL;
	address = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	/* With CET the probe stands behind the instruction that an indirect call must meet. */
	if (IS_ENABLED(CONFIG_X86_KERNEL_IBT) && is_endbr(*(u32 *)(address - 4)))
		address -= 4;
	return (lookup_t)address;
}

static void find_vmcoreinfo(lookup_t lookup)
{
	void **data = (void **)lookup("vmcoreinfo_data");
	size_t *size = (size_t *)lookup("vmcoreinfo_size");

	if (data && size) {
		found.vmcoreinfo = (uintptr_t)*data;
		found.vmcoreinfo_size = *size;
	}
}

void vmitap_image_find(void)
{
	const lookup_t lookup = find_lookup();

	if (!lookup) {
		vmitap_warn("kallsyms_lookup_name was not found: the host cannot read the kernel's types\n");
		return;
	}
	found.btf = lookup("__start_BTF");
	found.btf_size = lookup("__stop_BTF") - found.btf;
	find_vmcoreinfo(lookup);
	found.per_cpu_offset = (uintptr_t)__per_cpu_offset;
	found.cpus = nr_cpu_ids;
	found.per_cpu_start = lookup("__per_cpu_start");
	top_page_table = (void *)lookup("init_top_pgt");
	vcpu_info = (struct vcpu_info *__percpu *)lookup("xen_vcpu");
}

void vmitap_image_describe(struct vmitap_kernel_image *image)
{
	*image = found;
}

u64 vmitap_image_page_table_root(void)
{
	return top_page_table ? (u64)virt_to_gfn(top_page_table) << PAGE_SHIFT : 0;
}

struct vcpu_info *__percpu *vmitap_image_vcpu_info(void)
{
	return vcpu_info;
}
