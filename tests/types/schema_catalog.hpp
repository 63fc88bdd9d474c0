// SPDX-License-Identifier: MIT
// Catalogs by hand, with C's rules of layout.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "types/layout.hpp"

namespace vmitap::types {

class CatalogMaker {
 public:
  struct Bits {
    std::string name;
    TypeId type;
    std::uint32_t size;
  };

  TypeId integer(std::string name, std::uint64_t size, bool is_signed) {
    Type type = named(Kind::integer, std::move(name), size);
    type.is_signed = is_signed;
    return add(std::move(type));
  }
  TypeId character() {
    Type type = named(Kind::character, "char", 1);
    type.is_signed = true;
    return add(std::move(type));
  }
  TypeId boolean() { return add(named(Kind::boolean, "_Bool", 1)); }
  TypeId floating(std::string name, std::uint64_t size) {
    return add(named(Kind::floating, std::move(name), size));
  }
  TypeId opaque(std::string name, std::uint64_t size) {
    return add(named(Kind::opaque, std::move(name), size));
  }
  TypeId pointer(TypeId target, std::string name = "") {
    Type type = named(Kind::pointer, std::move(name), 8);
    type.target = target;
    return add(std::move(type));
  }
  TypeId array(TypeId element, std::uint64_t count) {
    Type type = named(Kind::array, "", count * catalog_->types[element].size);
    type.target = element;
    type.count = count;
    return add(std::move(type));
  }
  TypeId flexible(TypeId element) {
    const TypeId id = array(element, 0);
    catalog_->types[id].is_flexible = true;
    return id;
  }
  TypeId alias(std::string name, TypeId target) {
    Type type = named(Kind::typedef_, std::move(name), catalog_->types[target].size);
    type.target = target;
    return add(std::move(type));
  }
  TypeId enumeration(std::string name, std::uint64_t size, bool is_signed,
                     std::vector<Enumerator> enumerators) {
    Type type = named(Kind::enumeration, std::move(name), size);
    type.is_signed = is_signed;
    type.enumerators = std::move(enumerators);
    return add(std::move(type));
  }
  TypeId declaration(std::string name) {
    Type type = named(Kind::record, std::move(name), 0);
    type.is_declaration = true;
    return add(std::move(type));
  }
  // Members behind each other, each at a multiple of its own size (up to 8).
  TypeId record(std::string name, const std::vector<std::pair<std::string, TypeId>>& members) {
    Type type = named(Kind::record, std::move(name), 0);
    for (const auto& [member_name, id] : members) {
      const std::uint64_t align = alignment(id);
      Member member;
      member.name = member_name;
      member.type = id;
      member.offset = (type.size + align - 1) / align * align;
      type.size = member.offset + catalog_->types[id].size;
      type.members.push_back(std::move(member));
    }
    type.size = (type.size + 7) / 8 * 8;
    return add(std::move(type));
  }
  TypeId union_of(std::string name, const std::vector<std::pair<std::string, TypeId>>& members) {
    const TypeId id = record(std::move(name), members);
    Type& type = catalog_->types[id];
    type.record = RecordKind::union_;
    type.size = 0;
    for (Member& member : type.members) {
      member.offset = 0;
      type.size = std::max(type.size, catalog_->types[member.type].size);
    }
    return id;
  }
  // Bit-fields without gaps.
  TypeId bits(std::string name, std::uint64_t first_bit, const std::vector<Bits>& members) {
    Type type = named(Kind::record, std::move(name), 0);
    std::uint64_t at = first_bit;
    for (const Bits& each : members) {
      Member member;
      member.name = each.name;
      member.type = each.type;
      member.bit_offset = at;
      member.offset = at / 8;
      member.bit_size = each.size;
      at += each.size;
      type.members.push_back(std::move(member));
    }
    type.size = (at + 7) / 8;
    return add(std::move(type));
  }

  Type& operator[](TypeId id) { return catalog_->types[id]; }
  Catalog& catalog() { return *catalog_; }
  std::shared_ptr<Catalog> shared() { return catalog_; }

  TypeId add(Type type) {
    catalog_->types.push_back(std::move(type));
    return static_cast<TypeId>(catalog_->types.size() - 1);
  }

 private:
  static Type named(Kind kind, std::string name, std::uint64_t size) {
    Type type;
    type.kind = kind;
    type.name = std::move(name);
    type.size = size;
    return type;
  }
  std::uint64_t alignment(TypeId id) {
    const Type& type = catalog_->types[id];
    if (type.kind == Kind::array || type.kind == Kind::typedef_) return alignment(type.target);
    if (type.kind == Kind::record) return 8;
    return std::clamp<std::uint64_t>(type.size, 1, 8);
  }

  std::shared_ptr<Catalog> catalog_ = std::make_shared<Catalog>();
};

}  // namespace vmitap::types
