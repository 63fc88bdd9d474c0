// SPDX-License-Identifier: MIT
#include "dwarf_subject.hpp"

#include <vmitap/mark.h>
#include <vmitap/trigger.h>

int ns::Base::shared = 3;

namespace ns {
struct Elsewhere;
int number = 1;
Outer outer{number};
Diamond diamond;
Box<Outer::Inner, 3> box;
Box<Level, 2> levels;
Elsewhere* elsewhere = nullptr;
VMITAP_MARK(outer);
VMITAP_MARK(elsewhere);
}  // namespace ns

static Hidden hidden;
static ns::Outer::Later later;

VMITAP_MARK(ns::diamond);
VMITAP_MARK(ns::box);
VMITAP_MARK(ns::levels);
VMITAP_MARK(ns::Base::shared);
VMITAP_MARK(hidden);
VMITAP_MARK(later);

template <class T>
T in_template(T value) {
  VMITAP_TRIGGER(in_template, value);
  return value;
}

inline int in_inline(int value) {
  static int calls;
  VMITAP_MARK(calls);
  VMITAP_TRIGGER(in_inline, value, ++calls);
  return value;
}

struct Machine {
  int state = 0;
  void step(const ns::Derived& derived) { VMITAP_TRIGGER(in_member, this, state, derived); }
};

int run(ns::Derived& derived) {
  struct Local {
    int local;
    struct Within {
      char within;
    } within;
  } local{};
  const auto lambda = [&](int argument) {
    VMITAP_TRIGGER(in_lambda, argument, local, derived.level);
    return argument;
  };
  Machine machine;
  machine.step(derived);
  VMITAP_TRIGGER(none);
  return lambda(1) + in_template(2) + static_cast<int>(in_template(2.5)) + in_inline(3) + in_inline(4);
}
