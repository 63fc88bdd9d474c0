/* SPDX-License-Identifier: GPL-2.0 */
/* What the host has to know of a module to find its file: where it stands, its build id. */
#ifndef VMITAP_ELF_MODULE_H
#define VMITAP_ELF_MODULE_H

#include <linux/module.h>

#include "vmitap/control_abi.h"

/* Fills range and build id. */
void vmitap_elf_module_describe(const struct module *module, struct vmitap_module *wire);

#endif /* VMITAP_ELF_MODULE_H */
