// SPDX-License-Identifier: MIT
#include "types/btf_types.hpp"

#include <bit>
#include <utility>

#include "base/printable.hpp"
#include "types/layout_check.hpp"

namespace vmitap::types {
namespace {

// Pointers to pointers to typedefs …; longer chains are not real code.
constexpr std::size_t kLinksMax = 128;

bool is_link(const btf_type* type) {
  return btf_is_ptr(type) || btf_is_array(type) || btf_is_mod(type) || btf_is_typedef(type) ||
         btf_is_type_tag(type) || btf_is_func_proto(type);
}

Type opaque(std::string name, std::uint64_t size) {
  Type type;
  type.kind = Kind::opaque;
  type.name = std::move(name);
  type.size = size;
  return type;
}

bool has_bits_of_its_own(const btf_type* type) {
  return type != nullptr && btf_is_int(type) && btf_int_bits(type) != type->size * 8;
}

}  // namespace

BtfTypes::BtfTypes(const BtfTypes& other, std::vector<Type>& types)
    : btf_(other.btf_),
      types_(types),
      known_(other.known_),
      undefined_(other.undefined_),
      declared_(other.declared_),
      budget_(other.budget_) {}

TypeId BtfTypes::add(BtfId id) {
  const TypeId type = use(id);
  complete(type);
  return type;
}

void BtfTypes::complete(TypeId id) {
  want(id);
  while (!wanted_.empty()) {
    const TypeId next = wanted_.back();
    wanted_.pop_back();
    const auto found = undefined_.find(next);
    if (found == undefined_.end()) continue;
    const btf_type* type = btf_.at(found->second);
    undefined_.erase(found);
    if (types_[next].kind == Kind::record) read_members(next, *type);  // not if it turned out to be unsound
  }
}

// What stands in arrays and typedefs. These were built inside out, so there are no loops.
TypeId BtfTypes::record_in(TypeId id) const {
  for (int depth = 0; depth < kNestingMax; ++depth) {  // what nests deeper is unsound
    if (types_[id].kind != Kind::typedef_ && types_[id].kind != Kind::array) break;
    id = types_[id].target;
  }
  return id;
}

void BtfTypes::want(TypeId id) {
  const TypeId record = record_in(id);
  if (undefined_.contains(record)) wanted_.push_back(record);
}

// Walks down to the first type that stands for itself, then builds what leads to it from there back.
TypeId BtfTypes::use(BtfId id) {
  std::vector<BtfId> chain;
  TypeId result = 0;
  while (id != 0) {
    if (const auto found = known_.find(id); found != known_.end()) {
      result = found->second;
      break;
    }
    const btf_type* type = btf_.at(id);
    if (type == nullptr || !is_link(type)) {
      result = leaf(id, type);
      known_.emplace(id, result);
      break;
    }
    if (chain.size() >= kLinksMax) {
      result = push(opaque({}, 0));
      break;
    }
    chain.push_back(id);
    id = btf_is_array(type) ? btf_array(type)->type : type->type;
  }
  for (; !chain.empty(); chain.pop_back()) {
    result = link(*btf_.at(chain.back()), result);
    known_.insert_or_assign(chain.back(), result);
  }
  return result;
}

TypeId BtfTypes::push(Type type) {
  types_.push_back(std::move(type));
  return static_cast<TypeId>(types_.size() - 1);
}

TypeId BtfTypes::link(const btf_type& type, TypeId target) {
  Type result;
  result.target = target;
  if (btf_is_ptr(&type)) {
    result.kind = Kind::pointer;
    result.size = 8;
  } else if (btf_is_func_proto(&type)) {
    result.kind = Kind::function;
  } else if (btf_is_array(&type)) {
    result.kind = Kind::array;
    result.count = btf_array(&type)->nelems;
    result.is_flexible = result.count == 0;
    if (__builtin_mul_overflow(result.count, types_[target].size, &result.size)) return push(opaque({}, 0));
  } else {
    result.kind = Kind::typedef_;
    result.size = types_[target].size;
    if (btf_is_typedef(&type)) result.name = name_of(type.name_off);
  }
  return push(std::move(result));
}

TypeId BtfTypes::leaf(BtfId id, const btf_type* type) {
  if (type == nullptr) return push(opaque({}, 0));
  switch (btf_kind(type)) {
    case BTF_KIND_INT:
      return integer(*type);
    case BTF_KIND_FLOAT: {
      Type result = opaque(name_of(type->name_off), type->size);
      if (result.size == 4 || result.size == 8 || result.size == 16) result.kind = Kind::floating;
      return push(std::move(result));
    }
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      return enumeration(*type);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return record(id, *type);
    case BTF_KIND_FWD:
      return declaration(*type);
    default:  // functions, variables, sections and tags are no types
      return push(opaque(name_of(type->name_off), 0));
  }
}

TypeId BtfTypes::integer(const btf_type& type) {
  Type result = opaque(name_of(type.name_off), type.size);
  if (result.size == 0 || result.size > 16 || !std::has_single_bit(result.size))
    return push(std::move(result));
  const unsigned encoding = btf_int_encoding(&type);
  result.kind = Kind::integer;
  result.is_signed = (encoding & BTF_INT_SIGNED) != 0;
  // Plain char has a kind of its own, be it marked (BTF_INT_CHAR) or not. gcc marks those of bytes as well.
  const bool is_byte = result.name == "unsigned char" || result.name == "signed char";
  if (result.size == 1 && !is_byte && (result.name == "char" || (encoding & BTF_INT_CHAR) != 0)) {
    result.kind = Kind::character;
  }
  if (result.size == 1 && (encoding & BTF_INT_BOOL) != 0) {
    result.kind = Kind::boolean;
    result.is_signed = false;
  }
  return push(std::move(result));
}

TypeId BtfTypes::enumeration(const btf_type& type) {
  Type result = opaque(name_of(type.name_off), type.size);
  if (result.size == 0 || result.size > 8 || !std::has_single_bit(result.size))
    return push(std::move(result));
  result.kind = Kind::enumeration;
  result.is_signed = btf_kflag(&type);
  for (std::size_t i = 0; i < btf_vlen(&type); ++i) {
    Enumerator entry;
    std::uint32_t name = 0;
    if (btf_is_enum64(&type)) {
      name = btf_enum64(&type)[i].name_off;
      entry.value = static_cast<std::int64_t>(btf_enum64_value(&btf_enum64(&type)[i]));
    } else {
      name = btf_enum(&type)[i].name_off;
      const std::int32_t value = btf_enum(&type)[i].val;
      entry.value = result.is_signed ? value : static_cast<std::int64_t>(static_cast<std::uint32_t>(value));
    }
    entry.name = name_of(name);
    if (!spend(sizeof entry)) break;
    result.enumerators.push_back(std::move(entry));
  }
  return push(std::move(result));
}

TypeId BtfTypes::record(BtfId id, const btf_type& type) {
  Type result;
  result.kind = Kind::record;
  result.record = btf_is_union(&type) ? RecordKind::union_ : RecordKind::struct_;
  result.name = name_of(type.name_off);
  result.size = type.size;
  result.is_declaration = true;
  const TypeId added = push(std::move(result));
  undefined_.emplace(added, id);
  return added;
}

TypeId BtfTypes::declaration(const btf_type& type) {
  const bool is_union = btf_kflag(&type);
  // Of each name once: there may be as many types of one name as the guest likes.
  const auto [declared, is_first] =
      declared_[is_union ? 1 : 0].try_emplace(btf_.name(type.name_off), TypeId{0});
  if (is_first) declared->second = named_record(type, is_union);
  return declared->second;
}

TypeId BtfTypes::named_record(const btf_type& type, bool is_union) {
  for (const BtfId id : btf_.named(btf_.name(type.name_off))) {
    const btf_type* other = btf_.at(id);
    if (!(is_union ? btf_is_union(other) : btf_is_struct(other))) continue;
    const auto [known, is_new] = known_.try_emplace(id, 0);
    if (is_new) known->second = record(id, *other);
    return known->second;
  }
  Type result;
  result.kind = Kind::record;
  result.record = is_union ? RecordKind::union_ : RecordKind::struct_;
  result.name = name_of(type.name_off);
  result.is_declaration = true;
  return push(std::move(result));
}

void BtfTypes::read_members(TypeId id, const btf_type& type) {
  std::vector<Member> members;
  const btf_member* entries = btf_members(&type);
  for (std::size_t i = 0; i < btf_vlen(&type); ++i) {
    Member member;
    member.name = name_of(entries[i].name_off);
    std::uint64_t bit = btf_member_bit_offset(&type, static_cast<std::uint32_t>(i));
    member.bit_size = btf_member_bitfield_size(&type, static_cast<std::uint32_t>(i));
    // An older way: a type of its own for each width.
    if (const btf_type* own = btf_.at(entries[i].type); !btf_kflag(&type) && has_bits_of_its_own(own)) {
      member.bit_size = btf_int_bits(own);
      bit += btf_int_offset(own);
    }
    const bool is_padding = member.bit_size != 0 && member.name.empty();
    if (is_padding || (member.bit_size == 0 && bit % 8 != 0)) continue;
    if (!spend(sizeof member)) break;
    if (member.bit_size != 0) member.bit_offset = bit;
    member.offset = bit / 8;
    member.type = use(entries[i].type);
    want(member.type);
    members.push_back(std::move(member));
  }
  types_[id].members = std::move(members);
  types_[id].is_declaration = false;
}

std::string BtfTypes::name_of(std::uint32_t offset) {
  const std::string_view name = btf_.name(offset);
  return spend(name.size()) ? printable(name) : std::string{};
}

bool BtfTypes::spend(std::size_t bytes) {
  if (bytes > budget_) budget_ = 0;
  if (budget_ == 0) return false;
  budget_ -= bytes;
  return true;
}

}  // namespace vmitap::types
