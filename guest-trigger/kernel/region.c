// SPDX-License-Identifier: GPL-2.0
#include "region.h"

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <xen/page.h>

/* Pages one by one and not of a larger order: each goes when dom0 has let go of it. */
static int furnish(struct vmitap_region *region, unsigned int count)
{
	const bool readonly = region->writer == VMITAP_GUEST_WRITES;

	region->pages = kvcalloc(count, sizeof(*region->pages), GFP_KERNEL_ACCOUNT);
	region->grefs = kvcalloc(count, sizeof(*region->grefs), GFP_KERNEL_ACCOUNT);
	if (!region->pages || !region->grefs)
		return -ENOMEM;
	while (region->count < count) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		int gref;

		if (!page)
			return -ENOMEM;
		gref = gnttab_grant_foreign_access(0, xen_page_to_gfn(page), readonly);
		if (gref < 0) {
			__free_page(page);
			return gref;
		}
		region->pages[region->count] = page;
		region->grefs[region->count++] = gref;
	}
	region->address = vmap(region->pages, count, VM_MAP, readonly ? PAGE_KERNEL : PAGE_KERNEL_RO);
	return region->address ? 0 : -ENOMEM;
}

int vmitap_region_open(struct vmitap_region *region, unsigned int count, enum vmitap_writer writer)
{
	int error;

	memset(region, 0, sizeof(*region));
	region->writer = writer;
	error = furnish(region, count);
	if (error)
		vmitap_region_close(region);
	return error;
}

void vmitap_region_close(struct vmitap_region *region)
{
	unsigned int i;

	if (region->address)
		vunmap(region->address);
	for (i = 0; i < region->count; i++)
		gnttab_end_foreign_access(region->grefs[i], region->pages[i]);
	kvfree(region->grefs);
	kvfree(region->pages);
	memset(region, 0, sizeof(*region));
}

void vmitap_region_renew(struct vmitap_region *region)
{
	unsigned int i;

	for (i = 0; i < region->count; i++)
		gnttab_grant_foreign_access_ref(region->grefs[i], 0, xen_page_to_gfn(region->pages[i]),
						region->writer == VMITAP_GUEST_WRITES);
}
