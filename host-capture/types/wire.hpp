// SPDX-License-Identifier: MIT
// Protobuf wire format written from the back, without branches on lengths: every piece is stored as a
// whole word that ends where it must, and what the word covers in front of it is written over next.
// Wire format: https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace vmitap::types::wire {

// Apart from what the files have that are compiled without it: the linker keeps one of each inline function.
#ifdef __BMI2__
inline namespace bmi2 {
#endif

// Bytes in front of a piece that are written over.
inline constexpr std::size_t kSlack = 16;
inline constexpr std::size_t kVarintMax = 10;

enum Type : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

template <class T>
inline T load(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
inline std::byte* put_fixed(std::byte* front, T value) noexcept {
  front -= sizeof value;
  std::memcpy(front, &value, sizeof value);
  return front;
}

// The last `size` bytes (1 to 8) of `aligned` in memory order.
inline std::byte* put_aligned(std::byte* front, std::uint64_t aligned, unsigned size) noexcept {
  std::memcpy(front - 8, &aligned, 8);
  return front - size;
}

// The first `size` bytes (1 to 8) of `word`.
inline std::byte* put_word(std::byte* front, std::uint64_t word, unsigned size) noexcept {
  return put_aligned(front, word << (64 - 8 * size), size);
}

constexpr unsigned varint_size(std::uint64_t value) noexcept {
  return (static_cast<unsigned>(std::bit_width(value | 1)) * 9 + 64) / 64;
}

// The low 56 bits, seven to a byte.
constexpr std::uint64_t spread(std::uint64_t v) noexcept {
#ifdef __BMI2__
  if (!std::is_constant_evaluated())
    return static_cast<std::uint64_t>(__builtin_ia32_pdep_di(v, 0x7f7f7f7f7f7f7f7f));
#endif
  v = (v & 0x0fffffff) | (v & 0x00fffffff0000000) << 4;
  v = (v & 0x00003fff00003fff) | (v & 0x0fffc0000fffc000) << 2;
  return (v & 0x007f007f007f007f) | (v & 0x3f803f803f803f80) << 1;
}

inline constexpr std::uint64_t kContinues = 0x8080808080808080;

// 57 bits and more.
inline std::byte* put_long_varint(std::byte* front, std::uint64_t value) noexcept {
  const auto high = static_cast<std::uint8_t>(value >> 56);
  if (high >= 0x80) {
    front = put_fixed(front, static_cast<std::uint16_t>(high | 0x100));
  } else {
    front = put_fixed(front, high);
  }
  return put_fixed(front, spread(value) | kContinues);
}

inline std::byte* put_varint(std::byte* front, std::uint64_t value) noexcept {
  if (value < 0x80) {
    *--front = static_cast<std::byte>(value);
    return front;
  }
  if (value >> 56 != 0) return put_long_varint(front, value);
  const unsigned size = varint_size(value);
  const std::uint64_t more = kContinues & ((std::uint64_t{1} << (8 * size - 8)) - 1);
  return put_word(front, spread(value) | more, size);
}

constexpr std::uint32_t tag(std::uint32_t field, std::uint32_t type) noexcept { return field << 3 | type; }

#ifdef __BMI2__
}  // inline namespace bmi2
#endif

}  // namespace vmitap::types::wire
