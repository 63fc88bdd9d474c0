/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * How a Xen domain offers its rings to dom0 and how the two talk beside them. Prose: ring/FORMAT.md.
 *
 * A channel is one address space with triggers: the guest's kernel with its modules, or a program in
 * it. The guest's module advertises each in xenstore, below the domain's own home (paths relative to it):
 *
 *   data/vmitap/CHANNEL/abi         VMITAP_XEN_ABI_VERSION, decimal
 *   data/vmitap/CHANNEL/directory   grant reference of the first directory page, decimal
 *   data/vmitap/CHANNEL/port        the guest's event channel port, unbound and for dom0, decimal
 *   data/vmitap/CHANNEL/name        "kernel", or the program's name, at most VMITAP_NAME_MAX - 1 bytes
 *
 * CHANNEL is "kernel" or the program's PID as the guest's initial PID namespace counts it. All of a
 * channel's keys are written in one transaction, and removed in one. A channel that was taken down and comes
 * again has other grants and another port; while it goes, its directory's magic is 0 and the host is notified. In a
 * domain that was restored the host is gone: present is 0, whatever it was when the domain was saved.
 *
 * The host binds the port (Xen lets one do so at a time: that is what "captured" means), maps what the
 * directory lists and sets vmitap_host_header.present. It asks dom0's kernel to clear that byte and to
 * notify the guest when the mapping ends, however it ends; the guest then disarms everything.
 */
#ifndef VMITAP_XEN_ABI_H
#define VMITAP_XEN_ABI_H

#include "vmitap/control_abi.h"
#include "vmitap/ring_abi.h"

#define VMITAP_XEN_ABI_VERSION 1u
#define VMITAP_XENSTORE_DIRECTORY "data/vmitap"
#define VMITAP_XENSTORE_KERNEL "kernel"

#define VMITAP_DIRECTORY_MAGIC 0x72696476u /* "vdir" */
/* Directory pages of one channel at most: a chain that is longer is refused. */
#define VMITAP_DIRECTORY_PAGES_MAX 16u
#define VMITAP_DIRECTORY_HEADER_SIZE 256u
#define VMITAP_DIRECTORY_GREFS_FIRST ((VMITAP_PAGE_SIZE - VMITAP_DIRECTORY_HEADER_SIZE) / 4u)
#define VMITAP_DIRECTORY_GREFS_NEXT ((VMITAP_PAGE_SIZE - 8u) / 4u)

/* Pages of one mailbox; a message fits whole. */
#define VMITAP_MAILBOX_PAGES 2u
#define VMITAP_MAILBOX_MESSAGE_MAX (VMITAP_MAILBOX_PAGES * VMITAP_PAGE_SIZE - 8u)

/*
 * The guest's clock against Xen's system time (the one that pvclock gives, common to all domains of a
 * host). The guest takes a new sample about once a second while a host is present. Read like a seqlock:
 * version is odd while it is written.
 */
struct vmitap_clock_sample {
	vmitap_u32 version;
	vmitap_u32 tsc_khz; /* nominal */
	vmitap_u64 tsc;
	vmitap_u64 system_ns;
};

/*
 * Where the kernel stands that runs in the guest, for who reads its types and symbols. Virtual addresses;
 * 0: not known. All of it is zero in a program's channel.
 */
struct vmitap_kernel_image {
	vmitap_u64 btf;	 /* __start_BTF */
	vmitap_u64 btf_size;
	vmitap_u64 vmcoreinfo; /* the text of vmcoreinfo_data: names the addresses of kallsyms' tables */
	vmitap_u64 vmcoreinfo_size;
	vmitap_u64 per_cpu_offset; /* __per_cpu_offset[cpu], u64 each */
	vmitap_u32 cpus;	   /* possible ones */
	vmitap_u32 reserved;
	vmitap_u64 per_cpu_start; /* __per_cpu_start: a per-CPU symbol's value minus this, plus the offset */
};

/* vmitap_directory.flags */
#define VMITAP_DIRECTORY_PAE5 0x01u /* five-level page tables */

/*
 * Page 0 of the directory, granted read-only, as are the guest region, the catalog and the replies; the
 * host region and the requests are granted read-write. Constant while advertised, but for catalog_version,
 * catalog_size and clock.
 *
 * The grefs are, in this order: guest_pages of the guest region, host_pages of the host region,
 * catalog_pages, VMITAP_MAILBOX_PAGES of the replies (guest to host), VMITAP_MAILBOX_PAGES of the requests
 * (host to guest). The first VMITAP_DIRECTORY_GREFS_FIRST stand in this page; if there are more, next is
 * the gref of a vmitap_directory_next that holds those that follow, and so on.
 */
struct vmitap_directory {
	vmitap_u32 magic;
	vmitap_u32 abi_version;
	vmitap_u32 flags;
	vmitap_u32 next; /* gref of the next directory page, 0 if none */
	vmitap_u32 guest_pages;
	vmitap_u32 host_pages;
	vmitap_u32 catalog_pages;
	/* The catalog's seqlock: odd while the guest writes it. The event channel is notified afterwards. */
	vmitap_u32 catalog_version;
	/* Bytes of the catalog: messages of control_abi.h back to back (MODULE, TRIGGER_SITE, MARK_SITE;
	 * the last is LISTED), each padded to 8 bytes. */
	vmitap_u64 catalog_size;
	/* Of the address space: physical address of the top page table as the domain counts frames in page
	 * tables (PV: machine frames; PVH and HVM: guest frames). */
	vmitap_u64 page_table_root;
	vmitap_u32 pid; /* of a program; 0 for the kernel */
	vmitap_u32 reserved0;
	struct vmitap_clock_sample clock;
	char name[VMITAP_NAME_MAX]; /* NUL-padded */
	struct vmitap_kernel_image kernel;
	vmitap_u8 reserved1[VMITAP_DIRECTORY_HEADER_SIZE - 200u];
	vmitap_u32 grefs[VMITAP_DIRECTORY_GREFS_FIRST];
};

struct vmitap_directory_next {
	vmitap_u32 next;
	vmitap_u32 reserved;
	vmitap_u32 grefs[VMITAP_DIRECTORY_GREFS_NEXT];
};

/*
 * One conversation at a time: the host writes a message of control_abi.h (ATTACH, ARM, DISARM) to the requests,
 * adds 1 to their sequence with release and notifies; the guest answers (DONE, REFUSED) in the replies,
 * stores the same sequence there with release and notifies. Each side copies a message before it looks
 * at it. A new host goes on from the sequence that it finds in the requests, and begins with ATTACH, which disarms
 * what a host that died just before it had armed: the guest may not have seen that nobody was present in between.
 */
struct vmitap_mailbox {
	vmitap_u32 sequence;
	vmitap_u32 reserved;
	vmitap_u8 message[VMITAP_MAILBOX_MESSAGE_MAX];
};

VMITAP_ABI_ASSERT(sizeof(struct vmitap_clock_sample) == 24);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_kernel_image) == 56);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_directory) == VMITAP_PAGE_SIZE);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_directory, clock) == 56);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_directory, name) == 80);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_directory, kernel) == 144);
VMITAP_ABI_ASSERT(offsetof(struct vmitap_directory, grefs) == VMITAP_DIRECTORY_HEADER_SIZE);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_directory_next) == VMITAP_PAGE_SIZE);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_mailbox) / VMITAP_PAGE_SIZE == VMITAP_MAILBOX_PAGES);
/* The largest request. */
VMITAP_ABI_ASSERT(sizeof(struct vmitap_message) + sizeof(struct vmitap_arm) +
			  VMITAP_FETCH_MAX * sizeof(struct vmitap_fetch) +
			  VMITAP_FILTER_MAX * sizeof(struct vmitap_filter_step) <=
		  VMITAP_MAILBOX_MESSAGE_MAX);

#endif /* VMITAP_XEN_ABI_H */
