/* SPDX-License-Identifier: GPL-2.0 */
/* Where things stand in the running kernel that it does not export. */
#ifndef VMITAP_IMAGE_H
#define VMITAP_IMAGE_H

#include <linux/types.h>
#include <xen/interface/xen.h>

#include "vmitap/xen_abi.h"

/* Finds them. Call once, before the rest; what is not found is not told. */
void vmitap_image_find(void);

void vmitap_image_describe(struct vmitap_kernel_image *image);
/* Physical address of the kernel's top page table, as the domain counts frames in page tables; 0: not known. A
 * restored domain has another. */
u64 vmitap_image_page_table_root(void);
/* Where each vCPU finds what Xen tells it; NULL: not known. */
struct vcpu_info *__percpu *vmitap_image_vcpu_info(void);

#endif /* VMITAP_IMAGE_H */
