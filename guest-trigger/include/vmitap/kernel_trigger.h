/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The body of VMITAP_TRIGGER in a Linux kernel module; the rest stands in trigger.h. And, there only,
 * VMITAP_PREPARED_TRIGGER(attachment, prepare, name, arguments...), which evaluates the expression prepare before the
 * arguments, for those that are dear, and which is attached while it is armed (const struct vmitap_attachment *, or NULL).
 */
#ifndef VMITAP_KERNEL_TRIGGER_H
#define VMITAP_KERNEL_TRIGGER_H

#include "kernel_site.h"

#define VMITAP_TRIGGER_HERE_(n, text_, ...)                                                           \
	VMITAP_PREPARED_HERE_(NULL, (void)0, n, text_, __VA_ARGS__)

#define VMITAP_PREPARED_TRIGGER(attachment, prepare, ...) \
	VMITAP_PREPARED_COUNTED_(attachment, prepare, VMITAP_COUNT_(__VA_ARGS__), ##__VA_ARGS__)
#define VMITAP_PREPARED_COUNTED_(attachment, prepare, n, ...) \
	VMITAP_PREPARED_SPELLED_(attachment, prepare, n, ##__VA_ARGS__)
#define VMITAP_PREPARED_SPELLED_(attachment, prepare, n, ...) \
	VMITAP_PREPARED_HERE_(attachment, prepare, n, VMITAP_TEXT_##n(, ##__VA_ARGS__), __VA_ARGS__)
#define VMITAP_PREPARED_HERE_(attachment_, prepare_, n, text_, ...)                            \
	VMITAP_SITE_HERE_(VMITAP_KERNEL_TRIGGER, attachment_, true, prepare_, VMITAP_COPY_,    \
			  vmitap_fire(vmitap_site, vmitap_values), n, text_, __VA_ARGS__)

/*
 * wanted_ is an expression over vmitap_site; prepare_ and fire_ are over vmitap_values, the argument struct, too. copy_ puts an
 * argument there. They and the arguments are evaluated only while the trigger is armed.
 * An inline function that is inlined twice leaves two entries of one site, which vmitap.ko takes as one.
 */
#define VMITAP_SITE_HERE_(kind_, attachment_, wanted_, prepare_, copy_, fire_, n, text_, ...)          \
	do {                                                                                           \
		static struct {                                                                        \
			struct vmitap_kernel_site site;                                                \
			struct {                                                                       \
				VMITAP_EACH_##n(VMITAP_MEMBER_, __VA_ARGS__)                           \
			} *vmitap_args;                                                                \
			char text[sizeof(text_)];                                                      \
		} vmitap_trigger_here VMITAP_SITES_SECTION_ = {                                        \
			VMITAP_SITE_INITIAL_(kind_, attachment_, NULL,                                 \
					     sizeof(*vmitap_trigger_here.vmitap_args), text_, n),      \
			NULL, text_                                                                    \
		};                                                                                     \
		if (static_key_false(&vmitap_trigger_here.site.tracepoint.key)) {                      \
			struct vmitap_kernel_site *const vmitap_site = &vmitap_trigger_here.site;      \
			asm_inline volatile(VMITAP_SITE_ENTRY_("%c0") : : "i"(&vmitap_trigger_here));  \
			if (wanted_) {                                                                 \
				unsigned char vmitap_values[sizeof(*vmitap_trigger_here.vmitap_args) + !(n)] \
					__aligned(__alignof__(*vmitap_trigger_here.vmitap_args))       \
						VMITAP_FILLED_LATER;                                   \
				(void)(prepare_);                                                      \
				VMITAP_EACH_##n(copy_, __VA_ARGS__)                                    \
				fire_;                                                                 \
			}                                                                              \
		}                                                                                      \
	} while (0)

#endif /* VMITAP_KERNEL_TRIGGER_H */
