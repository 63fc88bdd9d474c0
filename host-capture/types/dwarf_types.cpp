// SPDX-License-Identifier: MIT
#include "types/dwarf_types.hpp"

#include <functional>
#include <unordered_set>
#include <utility>

#include "types/dwarf_shape.hpp"

namespace vmitap::types::dwarf {
namespace {

// Pointers to pointers to typedefs …; longer chains are not real code.
constexpr std::size_t kLinksMax = 128;
// Bytes; where so much is not enough, types are merely read twice.
constexpr std::size_t kShapesMax = 256 << 20;
// The Itanium C++ ABI's pointer to member: a ptrdiff_t, and for functions a ptrdiff_t more (2.3).
constexpr std::uint64_t kDataMemberPointer = 8;
constexpr std::uint64_t kFunctionMemberPointer = 16;

bool is_link(int tag) {
  return tag == DW_TAG_typedef || tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
         tag == DW_TAG_rvalue_reference_type || tag == DW_TAG_array_type || tag == DW_TAG_subrange_type ||
         tag == DW_TAG_template_alias || tag == DW_TAG_subroutine_type || is_qualifier(tag);
}

bool is_integer_size(std::uint64_t size) {
  return size == 1 || size == 2 || size == 4 || size == 8 || size == 16;
}

}  // namespace

std::size_t TypeReader::StructureHash::operator()(const Structure& structure) const noexcept {
  const auto& [kind, name, size, is_signed, is_flexible, target, count] = structure;
  std::size_t hash = std::hash<std::string>{}(name);
  for (const std::uint64_t part :
       {static_cast<std::uint64_t>(kind), size, static_cast<std::uint64_t>(target), count,
        static_cast<std::uint64_t>(is_signed) * 2 + static_cast<std::uint64_t>(is_flexible)}) {
    hash = (hash ^ part) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  }
  return hash;
}

TypeId TypeReader::add(Type type) {
  types_.push_back(std::move(type));
  return static_cast<TypeId>(types_.size() - 1);
}

TypeId TypeReader::intern(Type type) {
  Structure structure{type.kind,        type.name,   type.size, type.is_signed,
                      type.is_flexible, type.target, type.count};
  const auto found = structures_.find(structure);
  if (found != structures_.end()) return found->second;
  const TypeId id = add(std::move(type));
  structures_.emplace(std::move(structure), id);
  return id;
}

TypeId TypeReader::opaque(std::string name, std::uint64_t size) {
  Type type;
  type.kind = Kind::opaque;
  type.name = std::move(name);
  type.size = size;
  return intern(std::move(type));
}

// Walks down to the first type that stands for itself, then builds what leads to it from there back.
TypeId TypeReader::type(Dwarf_Die die) {
  std::vector<Dwarf_Die> chain;
  std::unordered_set<Key> on_chain;
  TypeId id = 0;
  for (;;) {
    if (const auto found = known_.find(key(die)); found != known_.end()) {
      id = found->second;
      break;
    }
    const int tag = dwarf_tag(&die);
    if (!is_link(tag)) {
      id = leaf(die, tag);
      known_.emplace(key(die), id);
      break;
    }
    if (chain.size() >= kLinksMax || !on_chain.insert(key(die)).second) {
      id = opaque(index_.qualified_name(die), 0);
      break;
    }
    chain.push_back(die);
    const auto target = type_of(die);
    if (!target) break;  // void
    die = *target;
  }
  while (!chain.empty()) {
    id = link(chain.back(), id);
    known_.emplace(key(chain.back()), id);
    chain.pop_back();
  }
  return id;
}

TypeId TypeReader::type_used_by(Dwarf_Die& user) {
  const auto die = type_of(user);
  return die ? type(*die) : 0;
}

void TypeReader::run() {
  while (!pending_.empty()) {
    Pending next = pending_.back();
    pending_.pop_back();
    if (types_[next.id].kind == Kind::enumeration) {
      read_enumeration(next.die, next.id);
    } else {
      read_record(next.die, next.id);
    }
  }
}

TypeId TypeReader::link(Dwarf_Die& die, TypeId target) {
  const int tag = dwarf_tag(&die);
  Type type;
  type.target = target;
  switch (tag) {
    case DW_TAG_array_type:
      return array(die, target);
    case DW_TAG_subroutine_type:
      type.kind = Kind::function;
      break;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
      type.kind = Kind::pointer;
      type.size = number(die, DW_AT_byte_size).value_or(8);
      if (tag == DW_TAG_reference_type) type.name = "&";
      if (tag == DW_TAG_rvalue_reference_type) type.name = "&&";
      if (type.size != 8) return opaque(std::move(type.name), type.size);
      break;
    default:
      type.kind = Kind::typedef_;
      type.size = types_[target].size;
      if (tag == DW_TAG_typedef || tag == DW_TAG_template_alias) type.name = index_.qualified_name(die);
  }
  return intern(std::move(type));
}

TypeId TypeReader::array(Dwarf_Die& die, TypeId element) {
  std::vector<std::optional<std::uint64_t>> ranks;
  for_each_child(die, [&](Dwarf_Die& rank) {
    const int tag = dwarf_tag(&rank);
    if (tag != DW_TAG_subrange_type && tag != DW_TAG_enumeration_type) return true;
    const auto lower = signed_number(rank, DW_AT_lower_bound).value_or(0);
    const auto upper = number(rank, DW_AT_upper_bound);
    auto count = number(rank, DW_AT_count);
    // An upper bound of -1 is how gcc says zero; a bound known only at run time is no number at all.
    if (!count && upper) count = *upper - static_cast<std::uint64_t>(lower) + 1;
    if (count == 0u) count.reset();
    ranks.push_back(count);
    return ranks.size() < kLinksMax;
  });
  if (ranks.empty()) ranks.emplace_back();
  for (auto rank = ranks.rbegin(); rank != ranks.rend(); ++rank) {
    Type type;
    type.kind = Kind::array;
    type.target = element;
    type.count = rank->value_or(0);
    type.is_flexible = !rank->has_value();
    if (__builtin_mul_overflow(type.count, types_[element].size, &type.size)) return opaque({}, 0);
    element = intern(std::move(type));
  }
  return element;
}

TypeId TypeReader::leaf(Dwarf_Die& die, int tag) {
  switch (tag) {
    case DW_TAG_base_type:
      return base_type(die);
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
      return record_or_enumeration(die, tag);
    case DW_TAG_unspecified_type: {
      std::string name = index_.qualified_name(die);
      const std::uint64_t size = name == "decltype(nullptr)" ? 8 : 0;
      return opaque(std::move(name), size);
    }
    case DW_TAG_ptr_to_member_type: {
      const auto target = type_of(die);
      Dwarf_Die member = target.value_or(Dwarf_Die{});
      const bool to_function = target && dwarf_tag(&member) == DW_TAG_subroutine_type;
      const std::uint64_t usual = to_function ? kFunctionMemberPointer : kDataMemberPointer;
      return opaque("pointer to member", number(die, DW_AT_byte_size).value_or(usual));
    }
    default:
      return opaque(index_.qualified_name(die), number(die, DW_AT_byte_size).value_or(0));
  }
}

TypeId TypeReader::base_type(Dwarf_Die& die) {
  Type type;
  type.name = index_.qualified_name(die);
  type.size = number(die, DW_AT_byte_size).value_or(0);
  type.kind = is_integer_size(type.size) ? Kind::integer : Kind::opaque;
  switch (number(die, DW_AT_encoding).value_or(0)) {
    case DW_ATE_boolean:
      if (type.size == 1) type.kind = Kind::boolean;
      break;
    case DW_ATE_float:
      type.kind = type.size == 4 || type.size == 8 || type.size == 16 ? Kind::floating : Kind::opaque;
      break;
    case DW_ATE_signed:
      type.is_signed = true;
      break;
    case DW_ATE_signed_char:
      type.is_signed = true;
      [[fallthrough]];
    case DW_ATE_unsigned_char:
      if (type.name == "char" && type.size == 1) type.kind = Kind::character;
      break;
    case DW_ATE_unsigned:
    case DW_ATE_UTF:
      break;
    default:
      type.kind = Kind::opaque;
  }
  if (type.kind == Kind::opaque) type.is_signed = false;
  return intern(std::move(type));
}

TypeId TypeReader::record_or_enumeration(Dwarf_Die& die, int tag) {
  Dwarf_Die definition = die;
  bool is_declaration = flag(die, DW_AT_declaration);
  if (is_declaration) {
    if (const auto found = index_.definition_of(die)) {
      definition = *found;
      is_declaration = false;
      tag = dwarf_tag(&definition);
      if (const auto known = known_.find(key(definition)); known != known_.end()) return known->second;
    }
  }

  Type type;
  type.name = index_.qualified_name(definition);
  type.kind = tag == DW_TAG_enumeration_type ? Kind::enumeration : Kind::record;
  type.record = tag == DW_TAG_union_type   ? RecordKind::union_
                : tag == DW_TAG_class_type ? RecordKind::class_
                                           : RecordKind::struct_;
  type.is_declaration = is_declaration;
  type.size = number(definition, DW_AT_byte_size).value_or(0);
  std::string described = shape(definition, type.name);
  if (!described.empty()) {
    const auto known = shapes_.find(described);
    if (known != shapes_.end()) return known->second;
  }
  const TypeId id = add(std::move(type));
  if (!described.empty() && shapes_size_ < kShapesMax) {
    shapes_size_ += described.size();
    shapes_.emplace(std::move(described), id);
  }
  known_.emplace(key(definition), id);
  if (!is_declaration) pending_.push_back({definition, id});
  return id;
}

}  // namespace vmitap::types::dwarf
