// SPDX-License-Identifier: MIT
// Where an expression has got to: the fetch in the making, and what stands there.
#pragma once

#include <cstdint>
#include <optional>

#include "types/layout.hpp"
#include "vmitap/control_abi.h"

namespace vmitap::types {

class Place {
 public:
  static Place at_address(std::uint64_t address);
  // In the arguments, which have `size` bytes.
  static Place in_arguments(std::uint64_t offset, std::uint64_t size);

  // False if that leaves the address space, or the arguments.
  bool move(std::int64_t bytes);
  // Goes to where the pointer at this place points. False if that are too many hops.
  bool follow();
  // True if `size` bytes can stand here.
  [[nodiscard]] bool holds(std::uint64_t size) const;
  [[nodiscard]] vmitap_fetch fetch(std::uint64_t size) const;

 private:
  vmitap_fetch fetch_{};
  std::uint64_t arguments_size_ = 0;
};

// A catalog's type, with pointers around it for which the catalog may have no type.
struct PointedType {
  const Catalog* catalog = nullptr;
  TypeId id = 0;
  unsigned pointers = 0;

  // What it is, looked through typedefs. Pointers that the catalog knows and others look alike.
  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_reference() const;
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] const Type& type() const {
    return (*catalog)[catalog->strip(id)];
  }  // if there are no pointers
  // Of a pointer or an array.
  [[nodiscard]] PointedType target() const;
  [[nodiscard]] std::string spelling() const;
};

}  // namespace vmitap::types
