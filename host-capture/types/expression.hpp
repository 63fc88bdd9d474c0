// SPDX-License-Identifier: MIT
// What the user may ask for: a C-like expression over marks and trigger arguments.
//   conn.cwnd   table[3].state   *head   pcb->snd_buf   (struct tcp_pcb *)p->next   buf[0:16]
// [a:b] takes elements a to b-1 of an array, a flexible array, or behind a pointer.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "types/layout.hpp"
#include "vmitap/control_abi.h"

namespace vmitap::types {

// A catalog and where the guest loaded its object.
struct LoadedObject {
  std::shared_ptr<const Catalog> catalog;
  std::uint64_t load_bias = 0;
};

// Names that an expression can start at: the arguments of a trigger site first, then the marks of
// its object, then those of the others.
struct Scope {
  std::span<const LoadedObject> objects;
  const LoadedObject* site_object = nullptr;  // nullptr: no trigger (timer, manual)
  const TriggerSite* site = nullptr;
};

// Where a value is and what it is.
struct Value {
  std::string expression;  // as the user wrote it
  std::shared_ptr<const Catalog> catalog;
  TypeId type = 0;                        // of one element if `elements` is set
  std::optional<std::uint64_t> elements;  // [a:b]: b - a
  vmitap_fetch fetch{};                   // run-time addresses; fetch.size is the value's whole size
  // Bit-fields: fetch covers the bytes they stand in.
  std::uint32_t bit_offset = 0;  // from the first fetched byte, least significant first
  std::uint32_t bit_size = 0;    // 0: not a bit-field
};

// Errc::unknown_name with the nearest name, Errc::bad_expression with the column, Errc::too_large.
Result<Value> resolve(std::string_view expression, const Scope& scope);

}  // namespace vmitap::types
