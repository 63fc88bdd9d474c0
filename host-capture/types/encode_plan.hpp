// SPDX-License-Identifier: MIT
// A C type compiled to a list of operations that turn raw bytes into protobuf wire format: no
// reflection, no allocation, one pass. It writes from the back, so that a nested message's length is
// known when its prefix is written.
// Wire format: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmitap::types {

// A buffer that grows towards its front. Not thread-safe.
class BackWriter {
 public:
  explicit BackWriter(std::size_t capacity = 4096);
  void clear() noexcept;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;

  // Makes room for `size` bytes in front of what is written and returns where they start.
  std::byte* reserve(std::size_t size);
  void varint(std::uint64_t value);
  void tag(std::uint32_t field, std::uint32_t wire_type);
  void raw(std::span<const std::byte> bytes);

 private:
  std::vector<std::byte> storage_;
  std::size_t start_ = 0;
};

// Immutable once compiled (schema.cpp compiles); encode() may run on several threads at once.
class EncodePlan {
 public:
  // Writes this field, tag and all, in front of what `out` holds. `value` has value_size() bytes.
  void encode(std::span<const std::byte> value, BackWriter& out) const;
  [[nodiscard]] std::size_t value_size() const noexcept { return value_size_; }
  [[nodiscard]] bool empty() const noexcept { return operations_.empty(); }

  struct Operation;  // encode_plan.cpp and schema.cpp only

 private:
  friend class PlanCompiler;
  std::vector<Operation> operations_;
  std::size_t value_size_ = 0;
};

}  // namespace vmitap::types
