// SPDX-License-Identifier: MIT
// What everything above may rely on in a catalog, wherever it came from.
#pragma once

#include <vector>

#include "types/layout.hpp"

namespace vmitap::types {

// Records in arrays in typedefs …: how deep values may nest.
inline constexpr int kNestingMax = 256;

// Types that break a rule; all others hold up also if these are made Kind::opaque:
//   ids are in range; no type holds itself by value, and none nests deeper than kNestingMax;
//   sizes agree (typedef and target, array and elements); members stand within their record;
//   a bit-field has no more bits than its type, which is integral or, if that was unsound, opaque.
[[nodiscard]] std::vector<TypeId> unsound_types(const Catalog& catalog);

// Makes them known by name and size only; the rest is as good as before. Typedefs and arrays of such a type
// keep their sizes.
void seclude_unsound(Catalog& catalog);

}  // namespace vmitap::types
