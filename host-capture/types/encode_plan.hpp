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

#include "types/back_writer.hpp"

namespace vmitap::types {

// Immutable once compiled (plan_compiler.cpp) and done by encode_run.cpp; encode() may run on several
// threads at once.
class EncodePlan {
 public:
  // Writes this field, tag and all, in front of what `out` holds. `value` has value_size() bytes; a
  // shorter one is not written at all.
  void encode(std::span<const std::byte> value, BackWriter& out) const;
  // The same, by one of encode_run.hpp's and not by the fastest of them.
  struct Operation;
  struct Detail;
  using Run = std::byte*(const Operation* operations, const Detail* details, const std::byte* base,
                         std::byte* front) noexcept;
  void encode(std::span<const std::byte> value, BackWriter& out, Run& run) const;
  [[nodiscard]] std::size_t value_size() const noexcept { return value_size_; }
  // No value encodes to more bytes than this.
  [[nodiscard]] std::size_t encoded_max() const noexcept { return encoded_max_; }
  [[nodiscard]] bool empty() const noexcept { return operations_.empty(); }

  // One step, from the last byte of the message to the first.
  enum class Op : std::uint8_t {
    end,
    // `run` fields of this kind, each an operation of its own: a value at `offset`, then its tag.
    u8,
    u16,
    u32,
    u64,
    s8,
    s16,
    s32,
    s64,
    boolean,
    fixed32,
    fixed64,
    // A bit-field within the eight bytes at `offset`.
    bits_unsigned,
    bits_signed,
    // The rest have a Detail, at index `offset`.
    x87,
    binary128,
    int128,
    wide_bits,
    text,
    bytes,
    packed_u8,
    packed_u16,
    packed_u32,
    packed_u64,
    packed_s8,
    packed_s16,
    packed_s32,
    packed_s64,
    packed_boolean,
    packed_x87,
    packed_binary128,
    packed_raw,     // already in wire format: floating point, addresses
    message_end,    // what follows stands in a nested message
    message_start,  // its length and tag
    loop_begin,     // what follows is done for each element, from the last to the first
    loop_end,
  };
  struct Operation {
    Op op = Op::end;
    std::uint8_t tag_size = 0;
    std::uint8_t run = 1;    // bit-fields: how far to shift left until the highest bit is the first
    std::uint8_t shift = 0;  // bit-fields: then to the right until the lowest bit is the last
    std::uint32_t offset = 0;
    std::uint64_t tag = 0;  // for wire::put_aligned()
  };
  struct Detail {
    std::uint32_t offset = 0;  // from the start of the value, or of a loop's element
    std::uint32_t count = 0;   // elements or bytes
    std::uint32_t stride = 0;  // bytes from one element to the next
    std::uint8_t bit_offset = 0;
    std::uint8_t bit_size = 0;
    bool is_signed = false;
    bool is_message = false;  // wide_bits: as Int128 or UInt128
  };
  // Messages and loops within each other.
  static constexpr std::size_t kNestingMax = 256;

 private:
  friend class PlanCompiler;

  std::vector<Operation> operations_;
  std::vector<Detail> details_;
  std::size_t value_size_ = 0;
  std::size_t encoded_max_ = 0;
};

}  // namespace vmitap::types
