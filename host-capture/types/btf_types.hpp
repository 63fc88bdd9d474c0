// SPDX-License-Identifier: MIT
// From BTF to types of a catalog, no more of them than are wanted: a kernel has 100,000, and each leads to
// most others. Records behind pointers stay declarations (which have their size) until they are completed.
//
// pahole, which writes the BTF of kernels, makes one rank of several: int a[2][3] is an array of 6.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "types/btf.hpp"
#include "types/layout.hpp"

namespace vmitap::types {

class BtfTypes {
 public:
  // Appends to `types`, whose first is void. Both must outlive this.
  BtfTypes(const Btf& btf, std::vector<Type>& types) : btf_(btf), types_(types) {}
  // As `other`, for a copy of its types.
  BtfTypes(const BtfTypes& other, std::vector<Type>& types);

  // The type and all that it holds by value. What is no type, or beyond all bounds, is Kind::opaque.
  TypeId add(BtfId id);
  // The same for a type that is there already, of which an array or a typedef may stand outermost.
  void complete(TypeId id);
  [[nodiscard]] bool is_incomplete(TypeId id) const { return undefined_.contains(record_in(id)); }

 private:
  TypeId use(BtfId id);
  TypeId push(Type type);
  TypeId link(const btf_type& type, TypeId target);
  TypeId leaf(BtfId id, const btf_type* type);
  TypeId integer(const btf_type& type);
  TypeId enumeration(const btf_type& type);
  TypeId record(BtfId id, const btf_type& type);
  TypeId declaration(const btf_type& type);
  TypeId named_record(const btf_type& type, bool is_union);
  [[nodiscard]] TypeId record_in(TypeId id) const;
  void want(TypeId id);
  void read_members(TypeId id, const btf_type& type);
  std::string name_of(std::uint32_t offset);
  bool spend(std::size_t bytes);

  const Btf& btf_;
  std::vector<Type>& types_;
  std::unordered_map<BtfId, TypeId> known_;
  std::unordered_map<TypeId, BtfId> undefined_;  // records that are declarations only so far
  std::array<std::unordered_map<std::string_view, TypeId>, 2> declared_;  // structs and unions, by name
  std::vector<TypeId> wanted_;
  std::size_t budget_ = 256u << 20;  // bytes of names and entries: many may share their bytes in the guest
};

}  // namespace vmitap::types
