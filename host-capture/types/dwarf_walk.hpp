// SPDX-License-Identifier: MIT
#pragma once

#include "types/dwarf_die.hpp"

namespace vmitap::types::dwarf {

inline constexpr int kTreeDepthMax = 1024;

// Visits the tree below and including `root`: enter(die) tells whether its children are wanted, and if
// so leave() follows them, be there any or not. Linear, also where a producer left out DW_AT_sibling
// (clang does): the way up does not skip over the same children again, but goes on where they ended.
// False if the tree is corrupt.
template <class Enter, class Leave>
bool walk(Dwarf_Die root, Enter&& enter, Leave&& leave) {
  Dwarf* const session = dwarf_cu_getdwarf(root.cu);
  Dwarf_Die die = root;
  int depth = 0;
  Key last = nullptr;
  for (;;) {
    // The offsets in a file may lead anywhere; going forward only is what makes this end.
    if (key(die) <= last) return false;
    last = key(die);
    if (enter(die)) {
      Dwarf_Die child;
      const int found = dwarf_child(&die, &child);
      if (found < 0) return false;
      if (found == 0) {
        if (++depth > kTreeDepthMax) return false;
        die = child;
        continue;
      }
      leave();
    }
    if (depth == 0) return true;

    Dwarf_Die next;
    int found = dwarf_siblingof(&die, &next);
    // Without a sibling, next.addr is where the children's terminating null entry stands (2.3), and
    // behind that the parent's sibling, or the null entry behind the parent.
    while (found == 1) {
      leave();
      if (--depth == 0) return true;
      if (next.addr == nullptr) return false;
      unsigned char* const behind = static_cast<unsigned char*>(next.addr) + 1;
      if (dwarf_die_addr_die(session, behind, &next) == nullptr || next.cu != root.cu) return false;
      found = *behind == 0 ? 1 : 0;
    }
    if (found < 0) return false;
    die = next;
  }
}

}  // namespace vmitap::types::dwarf
