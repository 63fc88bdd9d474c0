// SPDX-License-Identifier: MIT
// Reads types out of DWARF into a catalog, each once.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "types/dwarf_die.hpp"
#include "types/dwarf_index.hpp"
#include "types/layout.hpp"

namespace vmitap::types::dwarf {

class TypeReader {
 public:
  // Both must outlive the reader. Appends to `types`, which starts with void.
  TypeReader(const DwarfIndex& index, std::vector<Type>& types) : index_(index), types_(types) {}

  // The id of a type. What records consist of is read by run(), so that neither deep nor recursive
  // types need recursion here.
  TypeId type(Dwarf_Die die);
  // The id of the type that a member, variable, pointer … has; void without one.
  TypeId type_used_by(Dwarf_Die& user);
  // Reads all records that are reachable from what type() was asked for.
  void run();

 private:
  TypeId leaf(Dwarf_Die& die, int tag);
  TypeId base_type(Dwarf_Die& die);
  TypeId record_or_enumeration(Dwarf_Die& die, int tag);
  TypeId link(Dwarf_Die& die, TypeId target);
  TypeId array(Dwarf_Die& die, TypeId element);
  TypeId opaque(std::string name, std::uint64_t size);
  // Unnamed and derived types that are equal are one type.
  TypeId intern(Type type);
  TypeId add(Type type);
  [[nodiscard]] TypeId strip(TypeId id) const;

  // dwarf_members.cpp
  void read_record(Dwarf_Die& die, TypeId id);
  std::optional<Member> member(Dwarf_Die& die, bool in_union);
  std::optional<Member> base_class(Dwarf_Die& die);
  void read_enumeration(Dwarf_Die& die, TypeId id);

  struct Pending {
    Dwarf_Die die;
    TypeId id;
  };
  using Structure = std::tuple<Kind, std::string, std::uint64_t, bool, bool, TypeId, std::uint64_t>;
  struct StructureHash {
    std::size_t operator()(const Structure& structure) const noexcept;
  };

  const DwarfIndex& index_;
  std::vector<Type>& types_;
  std::unordered_map<Key, TypeId> known_;
  std::unordered_map<std::string, TypeId> shapes_;
  std::size_t shapes_size_ = 0;
  std::unordered_map<Structure, TypeId, StructureHash> structures_;
  std::vector<Pending> pending_;
};

}  // namespace vmitap::types::dwarf
