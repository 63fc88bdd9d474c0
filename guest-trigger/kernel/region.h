/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that dom0 may map. Process context. */
#ifndef VMITAP_REGION_H
#define VMITAP_REGION_H

#include <linux/types.h>
#include <xen/grant_table.h>

enum vmitap_writer { VMITAP_GUEST_WRITES, VMITAP_HOST_WRITES };

struct vmitap_region {
	enum vmitap_writer writer;
	unsigned int count;
	struct page **pages;
	grant_ref_t *grefs;
	void *address; /* where the kernel sees them, in a row */
};

/* Zeroed pages, granted to dom0, writable for one of the two sides. 0 or a negative errno. */
int vmitap_region_open(struct vmitap_region *region, unsigned int count, enum vmitap_writer writer);
/* Ends the grants. What dom0 still maps is freed by the kernel when dom0 has let go of it. */
void vmitap_region_close(struct vmitap_region *region);

/* In a domain that was restored, whose table of grants is empty: grants the pages again, under the same references. */
void vmitap_region_renew(struct vmitap_region *region);

#endif /* VMITAP_REGION_H */
