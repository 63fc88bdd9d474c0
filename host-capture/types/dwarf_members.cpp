// SPDX-License-Identifier: MIT
// The half of TypeReader that reads what a record or an enumeration consists of.
#include <algorithm>

#include "types/dwarf_types.hpp"

namespace vmitap::types::dwarf {

void TypeReader::read_record(Dwarf_Die& die, TypeId id) {
  std::vector<Member> members;
  const bool is_whole = for_each_child(die, [&](Dwarf_Die& child) {
    std::optional<Member> found;
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_member) found = member(child, types_[id].record == RecordKind::union_);
    if (tag == DW_TAG_inheritance) found = base_class(child);
    if (found) members.push_back(std::move(*found));
    return true;
  });
  if (!is_whole) {
    types_[id].kind = Kind::opaque;
    return;
  }
  std::stable_partition(members.begin(), members.end(), [](const Member& entry) { return entry.is_base; });
  types_[id].members = std::move(members);
}

std::optional<Member> TypeReader::member(Dwarf_Die& die, bool in_union) {
  // Static members (which DWARF 5 makes variables) and what the compiler adds, such as vtable pointers.
  if (flag(die, DW_AT_external) || flag(die, DW_AT_declaration) || flag(die, DW_AT_artificial))
    return std::nullopt;
  Member result;
  result.name = printable(raw_name(die));
  result.type = type_used_by(die);
  const auto offset = member_offset(die);
  const auto bit_size = number(die, DW_AT_bit_size);
  if (!bit_size) {
    if (!offset && !in_union) {
      // DWARF 4 may place any member by bits (5.5.6 there).
      const auto bits = number(die, DW_AT_data_bit_offset);
      if (bits && *bits % 8 != 0) return std::nullopt;
      result.offset = bits.value_or(0) / 8;
    } else {
      result.offset = offset.value_or(0);
    }
    return result;
  }

  if (result.name.empty()) return std::nullopt;  // padding
  result.bit_size = static_cast<std::uint32_t>(std::min<std::uint64_t>(*bit_size, UINT32_MAX));
  if (const auto bits = number(die, DW_AT_data_bit_offset)) {
    result.bit_offset = *bits;
  } else {
    result.bit_offset = offset.value_or(0) * 8;
    // DWARF 2 and 3 count from the most significant bit of a storage unit (DWARF 3, 5.6.6), possibly
    // backwards.
    if (const auto from_top = signed_number(die, DW_AT_bit_offset)) {
      const std::uint64_t storage = number(die, DW_AT_byte_size).value_or(types_[result.type].size);
      result.bit_offset += storage * 8 - static_cast<std::uint64_t>(*from_top) - *bit_size;
    }
  }
  result.offset = result.bit_offset / 8;
  return result;
}

TypeId TypeReader::strip(TypeId id) const {
  while (types_[id].kind == Kind::typedef_) id = types_[id].target;  // link() builds bottom up: no loops
  return id;
}

std::optional<Member> TypeReader::base_class(Dwarf_Die& die) {
  Member result;
  result.type = type_used_by(die);
  result.name = types_[strip(result.type)].name;
  result.is_base = true;
  result.is_virtual_base =
      number(die, DW_AT_virtuality).value_or(DW_VIRTUALITY_none) == DW_VIRTUALITY_virtual;
  const auto offset = member_offset(die);
  if (!offset) result.is_virtual_base = true;
  result.offset = result.is_virtual_base ? 0 : offset.value_or(0);
  return result;
}

void TypeReader::read_enumeration(Dwarf_Die& die, TypeId id) {
  std::vector<Enumerator> enumerators;
  bool has_negative = false;
  for_each_child(die, [&](Dwarf_Die& child) {
    if (dwarf_tag(&child) != DW_TAG_enumerator) return true;
    const auto value = signed_number(child, DW_AT_const_value);
    if (!value) return true;  // wider than 64 bits
    has_negative = has_negative || *value < 0;
    enumerators.push_back({printable(raw_name(child)), *value});
    return true;
  });
  const TypeId underlying = type_used_by(die);
  const TypeId plain = strip(underlying);
  Type& type = types_[id];
  type.enumerators = std::move(enumerators);
  type.target = underlying;
  // Without an underlying type (-gstrict-dwarf, DWARF 2) the values have to tell.
  type.is_signed = underlying != 0 ? types_[plain].is_signed : has_negative;
}

}  // namespace vmitap::types::dwarf
