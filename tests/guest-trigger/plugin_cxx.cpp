// SPDX-License-Identifier: MIT
// The same in C++, where inline functions and templates would keep the object loaded for ever.
#include "vmitap/mark.h"
#include "vmitap/trigger.h"

extern "C" void plugin_fire(unsigned long count);

namespace {
unsigned long plugin_count;
VMITAP_MARK(plugin_count);
}  // namespace

inline void step(unsigned long value) { VMITAP_TRIGGER(plugged, value); }

template <class Value>
void step_twice(Value value) {
  VMITAP_TRIGGER(plugged_template, value);
  step(value);
}

extern "C" void plugin_fire(unsigned long count) {
  while (count-- != 0) step_twice(++plugin_count);
}
