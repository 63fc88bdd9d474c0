// SPDX-License-Identifier: MIT
// The peer that needs no code generator either: C structs into messages by protobuf's reflection. What can be
// looked up ahead is: descriptors, offsets, kinds.
#pragma once

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "types/layout.hpp"

namespace bench {

class ReflectionFill {
 public:
  // `record` as the members of `message` have it, by name. Both must outlive this.
  ReflectionFill(const vmitap::types::Catalog& catalog, vmitap::types::TypeId record,
                 const google::protobuf::Descriptor& message);

  void fill(const std::byte* from, google::protobuf::Message& into) const;

 private:
  struct Field {
    const google::protobuf::FieldDescriptor* field;
    std::uint64_t offset;
    std::uint32_t size;  // of one element
    std::uint32_t bit_offset;
    std::uint32_t bit_size;
    bool is_signed;
    std::uint32_t count;                 // 0: not an array
    std::vector<ReflectionFill> nested;  // of a message: one
  };
  static std::uint64_t integer(const std::byte* from, const Field& member);

  std::vector<Field> fields_;
};

}  // namespace bench
