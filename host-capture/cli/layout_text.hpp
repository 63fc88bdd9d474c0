// SPDX-License-Identifier: MIT
// The layout of a C type as vmitap reads it, in the manner of pahole, and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "types/layout.hpp"

namespace vmitap::cli {

// The C definition with offset and size of each member in bytes, bit-fields as byte:bit and their width
// in bits, holes and padding. Anonymous records are unfolded in place, offsets count from the outermost.
// Other types: one line.
std::string layout_text(const types::Catalog& catalog, types::TypeId id);

// The struct, union or enumeration without a name behind a type (`struct {...} [4]`); 0 if there is none.
types::TypeId unnamed_definition(const types::Catalog& catalog, types::TypeId id);
// As layout_text(), of a variable of such a type.
std::string unnamed_layout_text(const types::Catalog& catalog, types::TypeId id, const std::string& name);

// One member: name, type, offset, size; bit-fields also bit_offset and bit_size; anonymous records also
// their members, whose offsets then count from the anonymous record.
nlohmann::ordered_json layout_json(const types::Catalog& catalog, types::TypeId id);

// Types that layouts are worth showing of: named records and enumerations with a definition, and
// typedefs of unnamed ones; by name.
std::vector<types::TypeId> definitions(const types::Catalog& catalog);

}  // namespace vmitap::cli
