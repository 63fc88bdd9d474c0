// SPDX-License-Identifier: MIT
#include "types/dwarf_die.hpp"

#include <cstddef>

namespace vmitap::types::dwarf {
namespace {

constexpr std::size_t kNameMax = 1 << 16;
constexpr int kPeelMax = 256;

bool is_signed_form(unsigned form) { return form == DW_FORM_sdata || form == DW_FORM_implicit_const; }

// Length of the well-formed UTF-8 sequence that `text` starts with, 0 if there is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool too_large = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

std::optional<std::uint64_t> constant(Dwarf_Attribute& attribute) {
  if (is_signed_form(dwarf_whatform(&attribute))) {
    Dwarf_Sword value = 0;
    if (dwarf_formsdata(&attribute, &value) != 0) return std::nullopt;
    return static_cast<std::uint64_t>(value);
  }
  Dwarf_Word value = 0;
  if (dwarf_formudata(&attribute, &value) != 0) return std::nullopt;
  return value;
}

bool is_block(unsigned form) {
  return form == DW_FORM_exprloc || form == DW_FORM_block || form == DW_FORM_block1 ||
         form == DW_FORM_block2 || form == DW_FORM_block4;
}

}  // namespace

bool flag(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute memory;
  bool value = false;
  return dwarf_attr(&die, attribute, &memory) != nullptr && dwarf_formflag(&memory, &value) == 0 && value;
}

std::optional<std::uint64_t> number(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute memory;
  if (dwarf_attr(&die, attribute, &memory) == nullptr) return std::nullopt;
  return constant(memory);
}

std::optional<std::int64_t> signed_number(Dwarf_Die& die, unsigned attribute) {
  const auto value = number(die, attribute);
  return value ? std::optional{static_cast<std::int64_t>(*value)} : std::nullopt;
}

std::optional<Dwarf_Die> reference(Dwarf_Die& die, unsigned attribute) {
  Dwarf_Attribute memory;
  Dwarf_Die result;
  if (dwarf_attr(&die, attribute, &memory) == nullptr) return std::nullopt;
  if (dwarf_formref_die(&memory, &result) == nullptr) return std::nullopt;
  return result;
}

std::string_view raw_name(Dwarf_Die& die) {
  const char* name = dwarf_diename(&die);
  return name == nullptr ? std::string_view{} : name;
}

std::optional<Dwarf_Die> type_of(Dwarf_Die& die) {
  Dwarf_Attribute memory;
  Dwarf_Die result;
  if (dwarf_attr_integrate(&die, DW_AT_type, &memory) == nullptr) return std::nullopt;
  if (dwarf_formref_die(&memory, &result) == nullptr) return std::nullopt;
  return result;
}

std::string printable(std::string_view raw) {
  raw = raw.substr(0, kNameMax);
  std::string text;
  text.reserve(raw.size());
  while (!raw.empty()) {
    std::size_t length = utf8_length(raw);
    const auto first = static_cast<unsigned char>(raw[0]);
    if (length == 0 || first < 0x20 || first == 0x7f) {
      text += '?';
      length = 1;
    } else {
      text += raw.substr(0, length);
    }
    raw.remove_prefix(length);
  }
  return text;
}

std::optional<std::uint64_t> member_offset(Dwarf_Die& member) {
  Dwarf_Attribute memory;
  if (dwarf_attr(&member, DW_AT_data_member_location, &memory) == nullptr) return std::nullopt;
  if (!is_block(dwarf_whatform(&memory))) return constant(memory);
  // DWARF 2 and 3 write an expression that adds to the record's address.
  Dwarf_Op* expression = nullptr;
  std::size_t length = 0;
  if (dwarf_getlocation(&memory, &expression, &length) != 0) return std::nullopt;
  if (length == 1 && expression[0].atom == DW_OP_plus_uconst) return expression[0].number;
  return std::nullopt;
}

bool may_be_static(Dwarf_Die& variable) {
  Dwarf_Attribute memory;
  Dwarf_Block block;
  if (dwarf_attr(&variable, DW_AT_location, &memory) == nullptr || !is_block(dwarf_whatform(&memory)))
    return false;
  if (dwarf_formblock(&memory, &block) != 0 || block.length == 0) return false;
  return block.data[0] == DW_OP_addr || block.data[0] == DW_OP_addrx || block.data[0] == DW_OP_GNU_addr_index;
}

std::optional<std::uint64_t> static_address(Dwarf_Die& variable) {
  Dwarf_Attribute memory;
  Dwarf_Op* expression = nullptr;
  std::size_t length = 0;
  if (!may_be_static(variable) || dwarf_attr(&variable, DW_AT_location, &memory) == nullptr)
    return std::nullopt;
  if (dwarf_getlocation(&memory, &expression, &length) != 0 || length == 0) return std::nullopt;
  std::uint64_t address = expression[0].number;
  if (expression[0].atom != DW_OP_addr) {
    Dwarf_Attribute indexed;
    Dwarf_Addr value = 0;
    if (dwarf_getlocation_attr(&memory, &expression[0], &indexed) != 0) return std::nullopt;
    if (dwarf_formaddr(&indexed, &value) != 0) return std::nullopt;
    address = value;
  }
  if (length == 1) return address;
  if (length == 2 && expression[1].atom == DW_OP_plus_uconst) return address + expression[1].number;
  return std::nullopt;
}

bool is_record(int tag) {
  return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

bool is_qualifier(int tag) {
  return tag == DW_TAG_const_type || tag == DW_TAG_volatile_type || tag == DW_TAG_restrict_type ||
         tag == DW_TAG_atomic_type || tag == DW_TAG_immutable_type || tag == DW_TAG_packed_type ||
         tag == DW_TAG_shared_type;
}

std::optional<Dwarf_Die> peel(Dwarf_Die die) {
  for (int depth = 0; depth < kPeelMax; ++depth) {
    const int tag = dwarf_tag(&die);
    if (tag != DW_TAG_typedef && !is_qualifier(tag)) return die;
    const auto target = type_of(die);
    if (!target) return std::nullopt;
    die = *target;
  }
  return std::nullopt;
}

}  // namespace vmitap::types::dwarf
