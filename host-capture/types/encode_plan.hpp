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
  [[nodiscard]] std::size_t size() const noexcept { return storage_.size() - start_; }

  // Makes room for `size` bytes in front of what is written and returns where they start.
  std::byte* reserve(std::size_t size) {
    if (size > start_) [[unlikely]]
      grow(size);
    start_ -= size;
    return storage_.data() + start_;
  }
  void varint(std::uint64_t value) {
    if (value < 0x80) [[likely]] {
      *reserve(1) = static_cast<std::byte>(value);
    } else {
      long_varint(value);
    }
  }
  void tag(std::uint32_t field, std::uint32_t wire_type) { varint(field << 3 | wire_type); }
  void raw(std::span<const std::byte> bytes);

 private:
  void grow(std::size_t size);
  void long_varint(std::uint64_t value);

  std::vector<std::byte> storage_;
  std::size_t start_ = 0;
};

enum class Encoding : std::uint8_t {
  // Scalars: a varint each, sign-extended where signed, as int32/int64/enum fields want it.
  u8,
  u16,
  u32,
  u64,
  i8,
  i16,
  i32,
  i64,
  boolean,
  fixed64,
  f32,
  f64,
  long_double,
  float128,
  unsigned_bits,
  signed_bits,  // a bit-field: `offset` bits from the value's start, `size` wide
  int128,
  uint128,   // vmitap.Int128, vmitap.UInt128
  text,      // char[size], up to its NUL
  bytes,     // size bytes as they are
  packed,    // count scalars of `element`, `stride` bytes apart
  message,   // the next `body` operations
  messages,  // the same, count times, stride bytes apart
  repeated,  // a field that is not packed (text, bytes, int128), count times
};

// Executed in list order, which is the fields' order backwards.
struct EncodeOperation {
  Encoding encoding{};
  Encoding element{};        // of packed and repeated
  std::uint32_t tag = 0;     // field number and wire type
  std::uint64_t offset = 0;  // from the value's start: bytes, or bits of a bit-field
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  std::uint64_t stride = 0;
  std::uint32_t body = 0;
};

// Immutable once compiled (schema.cpp compiles); encode() may run on several threads at once.
class EncodePlan {
 public:
  EncodePlan() = default;
  EncodePlan(std::vector<EncodeOperation> operations, std::size_t value_size)
      : operations_(std::move(operations)), value_size_(value_size) {}

  // Writes this field, tag and all, in front of what `out` holds. `value` has value_size() bytes.
  void encode(std::span<const std::byte> value, BackWriter& out) const;
  [[nodiscard]] std::size_t value_size() const noexcept { return value_size_; }
  [[nodiscard]] bool empty() const noexcept { return operations_.empty(); }

 private:
  std::vector<EncodeOperation> operations_;
  std::size_t value_size_ = 0;
};

}  // namespace vmitap::types
