// SPDX-License-Identifier: MIT
#include "types/dwarf_shape.hpp"

#include <cstddef>

namespace vmitap::types::dwarf {
namespace {

constexpr std::size_t kShapeMax = 1 << 18;
constexpr int kLinksMax = 32;
constexpr int kNestingMax = 32;

class Shape {
 public:
  std::string of(Dwarf_Die& die, const std::string& name) {
    text_ = name;
    add_number(number(die, DW_AT_decl_line).value_or(0));
    add_content(die, 0);
    return is_too_large_ ? std::string{} : std::move(text_);
  }

 private:
  void add_number(std::uint64_t value) { text_.append(reinterpret_cast<const char*>(&value), sizeof value); }

  void add_string(std::string_view text) {
    add_number(text.size());
    text_ += text;
  }

  void add_optional(Dwarf_Die& die, unsigned attribute) {
    add_number(number(die, attribute).value_or(~0ULL));
  }

  void add_content(Dwarf_Die& die, int nesting) {
    if (nesting > kNestingMax || text_.size() > kShapeMax) is_too_large_ = true;
    if (is_too_large_) return;
    const int tag = dwarf_tag(&die);
    add_number(static_cast<std::uint64_t>(tag));
    add_optional(die, DW_AT_byte_size);
    for_each_child(die, [&](Dwarf_Die& child) {
      const int child_tag = dwarf_tag(&child);
      if (child_tag == DW_TAG_enumerator) {
        add_string(raw_name(child));
        add_optional(child, DW_AT_const_value);
      } else if (child_tag == DW_TAG_member || child_tag == DW_TAG_inheritance) {
        add_string(raw_name(child));
        add_number(member_offset(child).value_or(~0ULL));
        add_optional(child, DW_AT_data_bit_offset);
        add_optional(child, DW_AT_bit_offset);
        add_optional(child, DW_AT_bit_size);
        add_type(child, nesting);
      }
      return !is_too_large_;
    });
  }

  // Names of the type and of what it leads to, up to the first one that has a definition of its own.
  void add_type(Dwarf_Die& user, int nesting) {
    Dwarf_Die die = user;
    for (int link = 0; link < kLinksMax; ++link) {
      const auto target = type_of(die);
      if (!target) return;
      die = *target;
      const int tag = dwarf_tag(&die);
      add_number(static_cast<std::uint64_t>(tag));
      add_string(raw_name(die));
      add_optional(die, DW_AT_byte_size);
      if (tag == DW_TAG_array_type) add_bounds(die);
      const bool is_anonymous = raw_name(die).empty();
      if ((is_record(tag) || tag == DW_TAG_enumeration_type) && is_anonymous)
        return add_content(die, nesting + 1);
      if (is_record(tag)) return;
    }
  }

  void add_bounds(Dwarf_Die& array) {
    for_each_child(array, [&](Dwarf_Die& rank) {
      add_optional(rank, DW_AT_upper_bound);
      add_optional(rank, DW_AT_count);
      return true;
    });
  }

  std::string text_;
  bool is_too_large_ = false;
};

}  // namespace

std::string shape(Dwarf_Die& die, const std::string& qualified_name) {
  return Shape{}.of(die, qualified_name);
}

}  // namespace vmitap::types::dwarf
