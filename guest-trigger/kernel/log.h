/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VMITAP_LOG_H
#define VMITAP_LOG_H

#include <linux/printk.h>

#define vmitap_err(...) pr_err("vmitap: " __VA_ARGS__)
#define vmitap_warn(...) pr_warn("vmitap: " __VA_ARGS__)
#define vmitap_info(...) pr_info("vmitap: " __VA_ARGS__)

#endif /* VMITAP_LOG_H */
