/* SPDX-License-Identifier: MIT */
/*
 * VMITAP_TRIGGER(name, arguments...);   0 to 16 arguments
 *
 * A statement that fires the trigger "name" when somebody outside listens to it, and hands over the
 * arguments in their own C types: scalars, pointers, structs by value, arrays whole (not as
 * pointers, string literals included). The arguments are evaluated only when the trigger is armed,
 * so leave side effects out of them. While it is not, it costs one relaxed load and a predicted branch; in a
 * Linux kernel module a no-operation that is patched.
 *
 * Anywhere in a function: inline ones, templates, lambdas, members, signal handlers, any thread.
 * C11 and C++17, with gcc or clang. Limits:
 *  - C: a bit-field has no typeof; write +s.flag. No functions (write &f) and no variable-length arrays.
 *    In an inline function only if it is static.
 *  - C++: an argument with a comma outside parentheses needs parentheses. Classes are handed over as
 *    their bytes, uncopied; what they point at stays where it is. Typedef names are not kept.
 *  - Kernel: process, softirq, hardirq and NMI context; not where RCU does not watch (noinstr code).
 *
 * Witnesses are arguments that vouch for a pointer among the others. The host may read through it when the guest has
 * gone on and the object is freed, or is another one in the same place: then it says STALE instead of a value.
 *   VMITAP_SAME(pointer, member)    pointer->member is what it was when the trigger fired: a number that tells objects apart
 *   VMITAP_ALIVE(pointer, member)   pointer->member is not 0: a count of references
 * The pointer is an argument as it is written there, or null. Witnesses are no fields of the record.
 */
#ifndef VMITAP_TRIGGER_H
#define VMITAP_TRIGGER_H

#include "each_argument.h"

#ifdef __KERNEL__
#include "kernel_trigger.h"
#else
#include "object.h"
#endif

#ifdef __cplusplus
#include "arguments.hpp"
#endif

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

#define VMITAP_SAME(pointer, member) ((pointer) ? (pointer)->member : 0)
#define VMITAP_ALIVE(pointer, member) ((void)sizeof((pointer)->member), (unsigned char)1)

#define VMITAP_TRIGGER(...) VMITAP_TRIGGER_COUNTED_(VMITAP_COUNT_(__VA_ARGS__), ##__VA_ARGS__)
#define VMITAP_TRIGGER_COUNTED_(n, ...) VMITAP_TRIGGER_SPELLED_(n, ##__VA_ARGS__)
#define VMITAP_TRIGGER_SPELLED_(n, ...) VMITAP_TRIGGER_HERE_(n, VMITAP_TEXT_##n(, ##__VA_ARGS__), __VA_ARGS__)

#ifdef __clang__
#pragma clang diagnostic pop
#endif

#define VMITAP_TRIGGER_ARMED_ __builtin_expect(__atomic_load_n(&vmitap_trigger_here.site.armed, __ATOMIC_RELAXED), 0)

#ifndef __cplusplus

/* An array does not survive the comma operator as such; everything else does (clang: but for _Atomic). */
#define VMITAP_RVALUE_(a) __typeof__(((void)0, (a)))
#ifdef __clang__
#define VMITAP_IS_ARRAY_(a)                                                 \
	(!__builtin_types_compatible_p(__typeof__(a), VMITAP_RVALUE_(a)) && \
	 !__builtin_types_compatible_p(__typeof__(a), _Atomic(VMITAP_RVALUE_(a))))
#else
#define VMITAP_IS_ARRAY_(a) (!__builtin_types_compatible_p(__typeof__(a), VMITAP_RVALUE_(a)))
#endif
#define VMITAP_NO_ARRAY_(a) __builtin_choose_expr(VMITAP_IS_ARRAY_(a), (char)0, ((void)0, (a)))
/* The bytes of a: an array's own, or those of a copy. Evaluates a once. */
#define VMITAP_BYTES_(a)                                 \
	((const void *)(uintptr_t)__builtin_choose_expr( \
		VMITAP_IS_ARRAY_(a), (a), ((__typeof__(VMITAP_NO_ARRAY_(a))[1]){ VMITAP_NO_ARRAY_(a) })))

#define VMITAP_MEMBER_(i, a) __typeof__(a) arg##i;
#define VMITAP_COPY_(i, a)                                                                                         \
	__builtin_memcpy(vmitap_values + __builtin_offsetof(__typeof__(*vmitap_trigger_here.vmitap_args), arg##i), \
			 VMITAP_BYTES_(a), sizeof(a));

#ifndef __KERNEL__

#define VMITAP_TRIGGER_HERE_(n, text_, ...)                                                                    \
	do {                                                                                                   \
		__extension__ static struct {                                                                  \
			struct vmitap_trigger_site site;                                                       \
			struct {                                                                               \
				VMITAP_EACH_##n(VMITAP_MEMBER_, __VA_ARGS__)                                   \
			} *vmitap_args;                                                                        \
			char text[sizeof(text_)];                                                              \
		} vmitap_trigger_here = { { 0, VMITAP_SITE_ABI, n,                                             \
					    sizeof(*vmitap_trigger_here.vmitap_args), sizeof(text_), __LINE__, \
					    0, 0, 0, 0, 0, 0 },                                                \
					  0, text_ };                                                          \
		static struct vmitap_trigger_site *vmitap_trigger_entry VMITAP_SECTION_(vmitap_triggers) =     \
			&vmitap_trigger_here.site;                                                             \
		if (VMITAP_TRIGGER_ARMED_) {                                                                   \
			unsigned char vmitap_values[sizeof(*vmitap_trigger_here.vmitap_args) + !n]             \
				VMITAP_ATTRIBUTE_(aligned(__alignof__(*vmitap_trigger_here.vmitap_args)));     \
			/* Keeps the entry exactly where this code is kept. */                                 \
			__asm__ volatile("" : : "m"(vmitap_trigger_entry));                                    \
			VMITAP_EACH_##n(VMITAP_COPY_, __VA_ARGS__)                                             \
			vmitap_fire(&vmitap_trigger_here.site, n ? vmitap_values : 0);                         \
		}                                                                                              \
	} while (0)

#endif /* not __KERNEL__ */

#else

#define VMITAP_TYPE_(i, a) , decltype((a))
#define VMITAP_PASSED_(i, a) , ::vmitap::detail::passed_as<decltype((a))>
#define VMITAP_VALUE_(i, a) , a

#define VMITAP_TRIGGER_HERE_(n, text_, ...)                                                                    \
	do {                                                                                                   \
		using vmitap_arguments =                                                                       \
			::vmitap::detail::arguments_of<void VMITAP_EACH_##n(VMITAP_TYPE_, __VA_ARGS__)>;       \
		static ::vmitap::detail::trigger_descriptor<vmitap_arguments, sizeof(text_)>                   \
			vmitap_trigger_here = { { 0, VMITAP_SITE_ABI, n, n ? sizeof(vmitap_arguments) : 0,     \
						  sizeof(text_), __LINE__, 0, 0, 0, nullptr, nullptr,          \
						  nullptr },                                                   \
						nullptr,                                                       \
						text_ };                                                       \
		struct vmitap_trigger_place {                                                                  \
			static vmitap_trigger_site *site() { return &vmitap_trigger_here.site; }               \
		};                                                                                             \
		static_cast<void>(&::vmitap::detail::registrar<vmitap_trigger_place>::now);                    \
		if (VMITAP_TRIGGER_ARMED_)                                                                     \
			::vmitap::detail::fire<vmitap_arguments VMITAP_EACH_##n(VMITAP_PASSED_, __VA_ARGS__)>( \
				&vmitap_trigger_here.site VMITAP_EACH_##n(VMITAP_VALUE_, __VA_ARGS__));        \
	} while (false)

#endif

#endif /* VMITAP_TRIGGER_H */
