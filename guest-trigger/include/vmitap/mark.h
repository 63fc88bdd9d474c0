/* SPDX-License-Identifier: MIT */
/*
 * VMITAP_MARK(variable);            makes a variable readable from outside, under its own name
 * VMITAP_MARK_AS(name, variable);   the same under another name
 *
 * At file or namespace scope behind the variable, or in a function, for what is static in there.
 * variable: anything of static storage duration, whole or in part: stats, stats.dropped, table[3],
 * Class::member. Its address has to be a constant: thread-local and automatic variables do not compile
 * ("initializer element is not constant", "does not have a constant initializer").
 * It stays readable: an INLINE capture copies it as the program itself would, so a program that takes away
 * the right to read it (mprotect) while it is captured faults in its own trigger.
 * C11 and C++17, with gcc or clang, and Linux kernel modules. Costs nothing at run time.
 */
#ifndef VMITAP_MARK_H
#define VMITAP_MARK_H

#ifdef __KERNEL__
#include "kernel_mark.h"
#else
#include "object.h"
#endif

#define VMITAP_MARK(...) VMITAP_MARK_(__COUNTER__, #__VA_ARGS__, __VA_ARGS__)
#define VMITAP_MARK_AS(name, ...) VMITAP_MARK_(__COUNTER__, #name, __VA_ARGS__)

#define VMITAP_MARK_(unique, text, ...) VMITAP_MARK_NAMED_(unique, text, __VA_ARGS__)

#ifndef __KERNEL__

#define VMITAP_MARK_INITIAL_(text_, ...)                                                               \
	{                                                                                              \
		{ VMITAP_SITE_ABI, 0, sizeof(text_), &(__VA_ARGS__), sizeof(__VA_ARGS__), __LINE__, 0, \
		  VMITAP_NULL_, VMITAP_NULL_ },                                                        \
			VMITAP_NULL_, text_                                                            \
	}

#ifndef __cplusplus

#define VMITAP_MARK_NAMED_(unique, text_, ...)                                             \
	__extension__ static struct {                                                      \
		struct vmitap_mark_site site;                                              \
		__typeof__(__VA_ARGS__) *vmitap_type;                                      \
		char text[sizeof(text_)];                                                  \
	} vmitap_mark_here_##unique = VMITAP_MARK_INITIAL_(text_, __VA_ARGS__);            \
	static struct vmitap_mark_site *vmitap_mark_entry_##unique VMITAP_ATTRIBUTE_(used) \
		VMITAP_SECTION_(vmitap_marks) = &vmitap_mark_here_##unique.site

#else

#if defined(__cpp_constinit)
#define VMITAP_CONSTINIT_ constinit
#elif defined(__clang__)
#define VMITAP_CONSTINIT_ VMITAP_ATTRIBUTE_(require_constant_initialization)
#else
#define VMITAP_CONSTINIT_ __constinit
#endif

/* The type is spelled outside of the struct, whose members would hide variables of their names. */
#define VMITAP_MARK_NAMED_(unique, text_, ...)                                                  \
	[[maybe_unused]] static __typeof__(__VA_ARGS__) *vmitap_mark_type_##unique = nullptr;   \
	VMITAP_CONSTINIT_ static struct VMITAP_HIDDEN_ {                                        \
		vmitap_mark_site site;                                                          \
		decltype(vmitap_mark_type_##unique) vmitap_type;                                \
		char text[sizeof(text_)];                                                       \
	} vmitap_mark_here_##unique = VMITAP_MARK_INITIAL_(text_, __VA_ARGS__);                 \
	[[maybe_unused]] static struct VMITAP_HIDDEN_ {                                         \
		static vmitap_mark_site *site() { return &vmitap_mark_here_##unique.site; }     \
	} vmitap_mark_place_##unique;                                                           \
	static const ::vmitap::detail::reference vmitap_mark_entry_##unique                     \
		VMITAP_ATTRIBUTE_(used) = {                                                     \
			&::vmitap::detail::registrar<decltype(vmitap_mark_place_##unique)>::now \
	}

#endif

#endif /* not __KERNEL__ */

#endif /* VMITAP_MARK_H */
