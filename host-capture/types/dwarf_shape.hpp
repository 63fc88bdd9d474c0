// SPDX-License-Identifier: MIT
// Each unit repeats the types of the headers it includes. A shape tells whether two DIEs describe one
// type, without reading what their members consist of.
#pragma once

#include <string>

#include "types/dwarf_die.hpp"

namespace vmitap::types::dwarf {

// Of a record or enumeration with its qualified name: place of declaration, size, and the members with
// their offsets and the names of their types. Empty if it would be unreasonably large.
std::string shape(Dwarf_Die& die, const std::string& qualified_name);

}  // namespace vmitap::types::dwarf
