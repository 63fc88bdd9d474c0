// SPDX-License-Identifier: MIT
#include "dwarf_subject.hpp"

namespace ns {
struct Elsewhere {
  int found;
  Outer::Inner inner;
};
Elsewhere defined_here;
}  // namespace ns

// Other types of the same name, in no namespace and in another.
struct Elsewhere {
  char wrong;
} wrong;
namespace other {
struct Elsewhere {
  char wrong;
} wrong;
}  // namespace other
