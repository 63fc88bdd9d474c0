// SPDX-License-Identifier: MIT
#include "types/dwarf_die.hpp"

#include <cstddef>

#include "base/printable.hpp"

namespace vmitap::types::dwarf {
namespace {

constexpr std::size_t kNameMax = 1 << 16;
constexpr int kPeelMax = 256;

bool is_signed_form(unsigned form) { return form == DW_FORM_sdata || form == DW_FORM_implicit_const; }

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
  // What stands in a type unit may be represented here by an entry of its own (5.7.1).
  if (has(result, DW_AT_signature)) return reference(result, DW_AT_signature);
  return result;
}

std::string source_file(Dwarf_Die& die) {
  // Not dwarf_decl_file: it aborts where the line table cannot be read.
  Dwarf_Attribute memory;
  if (dwarf_attr_integrate(&die, DW_AT_decl_file, &memory) == nullptr) return {};
  Dwarf_Word number = 0;
  Dwarf_Die unit;
  Dwarf_Half version = 0;
  if (dwarf_formudata(&memory, &number) != 0 ||
      dwarf_cu_die(memory.cu, &unit, &version, nullptr, nullptr, nullptr, nullptr, nullptr) == nullptr) {
    return {};
  }
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (dwarf_getsrcfiles(&unit, &files, &count) != 0 || number >= count) return {};
  if (version < 5 && number == 0) return {};  // "no file" (DWARF 4, 2.14)
  const char* path = dwarf_filesrc(files, number, nullptr, nullptr);
  return path == nullptr ? std::string{} : printable(path);
}

std::string printable(std::string_view raw) { return vmitap::printable(raw.substr(0, kNameMax)); }

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
