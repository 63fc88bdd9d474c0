/* SPDX-License-Identifier: MIT */
/*
 * Each translation unit tells when its object comes and goes. In C, pointers to the sites are
 * collected in sections of the object. In C++ that fails for inline functions and templates (their
 * sites live in COMDAT groups), so there a template registers each site.
 */
#ifndef VMITAP_OBJECT_H
#define VMITAP_OBJECT_H

#include "site.h"

#define VMITAP_ATTRIBUTE_(...) __attribute__((__VA_ARGS__))

VMITAP_ATTRIBUTE_(destructor, unused) static void vmitap_object_leaves_(void)
{
	static const char here = 0;

	vmitap_unregister(&here);
}

#ifndef __cplusplus

#define VMITAP_NULL_ 0

#if defined(__has_attribute)
#if __has_attribute(__retain__)
#define VMITAP_RETAIN_ __retain__,
#endif
#endif
#ifndef VMITAP_RETAIN_
#define VMITAP_RETAIN_
#endif

/* An entry of a section; kept for as long as the function that refers to it. */
#define VMITAP_SECTION_(name) VMITAP_ATTRIBUTE_(VMITAP_RETAIN_ section(#name))

extern struct vmitap_trigger_site *const __start_vmitap_triggers[] VMITAP_ATTRIBUTE_(weak, visibility("hidden"));
extern struct vmitap_trigger_site *const __stop_vmitap_triggers[] VMITAP_ATTRIBUTE_(weak, visibility("hidden"));
extern struct vmitap_mark_site *const __start_vmitap_marks[] VMITAP_ATTRIBUTE_(weak, visibility("hidden"));
extern struct vmitap_mark_site *const __stop_vmitap_marks[] VMITAP_ATTRIBUTE_(weak, visibility("hidden"));

VMITAP_ATTRIBUTE_(constructor, unused) static void vmitap_object_comes_(void)
{
	/* Marks first: a host may list in between, and keeps what it finds of a module with triggers. */
	vmitap_register_marks(__start_vmitap_marks, __stop_vmitap_marks);
	vmitap_register_triggers(__start_vmitap_triggers, __stop_vmitap_triggers);
}

#else

#define VMITAP_NULL_ nullptr
/* Of types, and so of the statics that inline functions have of them. g++ makes the others unique in the
 * process, and what holds such a symbol is never unloaded. */
#define VMITAP_HIDDEN_ VMITAP_ATTRIBUTE_(visibility("hidden"))

namespace vmitap::detail {

inline void enlist(vmitap_trigger_site *site) { vmitap_register_triggers(&site, &site + 1); }
inline void enlist(vmitap_mark_site *site) { vmitap_register_marks(&site, &site + 1); }

// Whoever names registrar<Place>::now registers Place::site() when its object is loaded. (A pointer
// as the template's argument would say the same; clang 14 with -g loses statics of inline functions so.)
template <class Place>
struct VMITAP_HIDDEN_ registrar {
  struct registration {
    registration() { enlist(Place::site()); }
  };
  static inline registration now{};
};

// Names a registrar at namespace scope.
struct VMITAP_HIDDEN_ reference {
  const void *to;
};

}  // namespace vmitap::detail

#endif

#endif /* VMITAP_OBJECT_H */
