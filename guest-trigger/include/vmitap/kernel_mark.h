/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The body of VMITAP_MARK in a Linux kernel module; the rest stands in mark.h. And for per-CPU variables:
 *
 * VMITAP_MARK_PER_CPU(variable);            one that DEFINE_PER_CPU made, on each CPU
 * VMITAP_MARK_PER_CPU_AS(name, variable);   the same under another name
 */
#ifndef VMITAP_KERNEL_MARK_H
#define VMITAP_KERNEL_MARK_H

#include <linux/stringify.h>

#include "kernel_site.h"

#define VMITAP_MARK_PER_CPU(...) VMITAP_MARK_PER_CPU_(__COUNTER__, #__VA_ARGS__, __VA_ARGS__)
#define VMITAP_MARK_PER_CPU_AS(name, ...) VMITAP_MARK_PER_CPU_(__COUNTER__, #name, __VA_ARGS__)
#define VMITAP_MARK_PER_CPU_(unique, text, ...) \
	VMITAP_MARK_KIND_(VMITAP_KERNEL_MARK_PER_CPU, unique, text, __VA_ARGS__)

#define VMITAP_MARK_NAMED_(unique, text, ...) VMITAP_MARK_KIND_(VMITAP_KERNEL_MARK, unique, text, __VA_ARGS__)

/* The name in assembly is given, as a function's statics else have one that nobody can spell. */
#define VMITAP_MARK_KIND_(kind_, unique, text_, ...)                                                     \
	static struct {                                                                                  \
		struct vmitap_kernel_site site;                                                          \
		__typeof__(__VA_ARGS__) *vmitap_type;                                                    \
		char text[sizeof(text_)];                                                                \
	} vmitap_mark_here_##unique asm("vmitap_mark_here_" #unique) __used VMITAP_SITES_SECTION_ = {    \
		VMITAP_SITE_INITIAL_(kind_, NULL, (const void __force *)&(__VA_ARGS__), sizeof(__VA_ARGS__), text_, 0), \
		NULL, text_                                                                              \
	};                                                                                               \
	asm(VMITAP_SITE_ENTRY_("vmitap_mark_here_" #unique))

#endif /* VMITAP_KERNEL_MARK_H */
