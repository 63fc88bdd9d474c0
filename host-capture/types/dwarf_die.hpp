// SPDX-License-Identifier: MIT
// What the readers of DWARF ask of a DIE (debugging information entry). A DIE stays valid for as long
// as its libdw session; its `addr` is unique among all sections and files of it, and serves as its key.
// Where a comment names a section of a standard, it is DWARF 5: https://dwarfstd.org/doc/DWARF5.pdf
#pragma once

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmitap::types::dwarf {

using Key = const void*;
inline Key key(const Dwarf_Die& die) { return die.addr; }

// libdw notes in a DIE what it has looked up, so that the functions take it by reference to non-const.
inline bool has(Dwarf_Die& die, unsigned attribute) { return dwarf_hasattr(&die, attribute) != 0; }
bool flag(Dwarf_Die& die, unsigned attribute);
std::optional<std::uint64_t> number(Dwarf_Die& die, unsigned attribute);
// Sign-extends only what DWARF says is signed.
std::optional<std::int64_t> signed_number(Dwarf_Die& die, unsigned attribute);
// The DIE that an attribute refers to, in this unit or another, or in a type unit.
std::optional<Dwarf_Die> reference(Dwarf_Die& die, unsigned attribute);

// These look through DW_AT_abstract_origin and DW_AT_specification. Empty if there is none; valid as
// long as the session, and as hostile as the file.
std::string_view raw_name(Dwarf_Die& die);
std::optional<Dwarf_Die> type_of(Dwarf_Die& die);
// Where it is declared; empty if nobody says.
std::string source_file(Dwarf_Die& die);

// Names go into protobuf strings and to terminals (base/printable.hpp); their length is bounded here.
std::string printable(std::string_view raw);

// Bytes from the start of the record, if they are constant (2.19, 5.7.6).
std::optional<std::uint64_t> member_offset(Dwarf_Die& member);
// A variable's address, if it is one for the whole program.
std::optional<std::uint64_t> static_address(Dwarf_Die& variable);
// The same question, cheaper, with false positives.
bool may_be_static(Dwarf_Die& variable);

bool is_record(int tag);
bool is_qualifier(int tag);
// Looks through typedefs and qualifiers. Nothing if that has no end.
std::optional<Dwarf_Die> peel(Dwarf_Die die);

// Calls visit(Dwarf_Die&) for each child until it returns false. False if the DIEs are corrupt.
template <class Visit>
bool for_each_child(Dwarf_Die& die, Visit&& visit) {
  Dwarf_Die child;
  int found = dwarf_child(&die, &child);
  while (found == 0) {
    if (!visit(child)) return true;
    const Key before = key(child);
    found = dwarf_siblingof(&child, &child);
    if (found == 0 && key(child) <= before) return false;
  }
  return found == 1;
}

}  // namespace vmitap::types::dwarf
