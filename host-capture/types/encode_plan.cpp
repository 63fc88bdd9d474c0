// SPDX-License-Identifier: MIT
#include "types/encode_plan.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vmitap::types {
namespace {

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
std::uint64_t extended(const std::byte* from) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(load<T>(from)));
}

void put64(std::uint64_t value, BackWriter& out) { std::memcpy(out.reserve(8), &value, 8); }

std::uint64_t bits(const std::byte* value, std::uint64_t bit_offset, std::uint64_t bit_size) {
  const std::byte* from = value + bit_offset / 8;
  const unsigned shift = bit_offset % 8;
  unsigned __int128 word = 0;
  std::memcpy(&word, from, (shift + bit_size + 7) / 8);
  word >>= shift;
  return static_cast<std::uint64_t>(word) &
         (bit_size < 64 ? (std::uint64_t{1} << bit_size) - 1 : ~std::uint64_t{0});
}

bool is_continuation(std::byte byte) { return (byte & std::byte{0xc0}) == std::byte{0x80}; }

// Length of the well-formed UTF-8 sequence at the start (RFC 3629, 4), 0 if there is none.
std::size_t utf8_sequence(std::span<const std::byte> text) {
  const auto first = std::to_integer<unsigned>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  const auto second = std::to_integer<unsigned>(text[1]);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
    return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!is_continuation(text[i])) return 0;
  return length;
}

bool is_ascii(std::span<const std::byte> text) {
  return std::ranges::all_of(text, [](std::byte byte) { return byte < std::byte{0x80}; });
}

// Text up to its NUL. A byte that is no UTF-8 is written as \xNN, since a protobuf string must be UTF-8.
void put_text(std::span<const std::byte> text, BackWriter& out) {
  text = text.first(static_cast<std::size_t>(std::ranges::find(text, std::byte{0}) - text.begin()));
  if (is_ascii(text)) {
    out.raw(text);
    return;
  }
  constexpr char kHex[] = "0123456789abcdef";
  std::vector<std::byte> valid;
  valid.reserve(text.size() * 4);
  while (!text.empty()) {
    if (const std::size_t length = utf8_sequence(text); length > 0) {
      valid.insert(valid.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length));
      text = text.subspan(length);
    } else {
      const auto byte = std::to_integer<unsigned>(text[0]);
      for (const char c : {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]})
        valid.push_back(static_cast<std::byte>(c));
      text = text.subspan(1);
    }
  }
  out.raw(valid);
}

// A scalar without its tag, or a field that brings its own length.
void put_content(Encoding encoding, const std::byte* value, std::uint64_t offset, std::uint64_t size,
                 BackWriter& out) {
  const std::byte* at = value + offset;
  switch (encoding) {
    case Encoding::u8:
      return out.varint(load<std::uint8_t>(at));
    case Encoding::u16:
      return out.varint(load<std::uint16_t>(at));
    case Encoding::u32:
      return out.varint(load<std::uint32_t>(at));
    case Encoding::u64:
      return out.varint(load<std::uint64_t>(at));
    case Encoding::i8:
      return out.varint(extended<std::int8_t>(at));
    case Encoding::i16:
      return out.varint(extended<std::int16_t>(at));
    case Encoding::i32:
      return out.varint(extended<std::int32_t>(at));
    case Encoding::i64:
      return out.varint(extended<std::int64_t>(at));
    case Encoding::boolean:
      return out.varint(load<std::uint8_t>(at) != 0 ? 1 : 0);
    case Encoding::fixed64:
      return put64(load<std::uint64_t>(at), out);
    case Encoding::f64:
      return put64(load<std::uint64_t>(at), out);
    case Encoding::f32:
      return out.raw({at, 4});
    case Encoding::long_double:
      return put64(std::bit_cast<std::uint64_t>(static_cast<double>(load<long double>(at))), out);
    case Encoding::float128:
      return put64(std::bit_cast<std::uint64_t>(static_cast<double>(load<_Float128>(at))), out);
    case Encoding::unsigned_bits:
      return out.varint(bits(value, offset, size));
    case Encoding::signed_bits: {
      const unsigned spare = static_cast<unsigned>(64 - size);
      return out.varint(
          static_cast<std::uint64_t>(static_cast<std::int64_t>(bits(value, offset, size) << spare) >> spare));
    }
    case Encoding::int128:
    case Encoding::uint128: {
      const std::byte* high = at + 8;
      out.raw({at, 8});
      out.tag(2, 1);
      out.raw({high, 8});
      out.tag(1, 1);
      return out.varint(18);
    }
    case Encoding::text: {
      const std::size_t before = out.size();
      put_text({at, size}, out);
      return out.varint(out.size() - before);
    }
    case Encoding::bytes:
      out.raw({at, size});
      return out.varint(size);
    case Encoding::packed:
    case Encoding::message:
    case Encoding::messages:
    case Encoding::repeated:
      return;
  }
}

void encode_all(std::span<const EncodeOperation> operations, const std::byte* value, BackWriter& out) {
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const EncodeOperation& op = operations[i];
    switch (op.encoding) {
      case Encoding::message:
      case Encoding::messages:
        for (std::uint64_t element = op.count; element-- > 0;) {
          const std::size_t before = out.size();
          encode_all(operations.subspan(i + 1, op.body), value + op.offset + element * op.stride, out);
          out.varint(out.size() - before);
          out.varint(op.tag);
        }
        i += op.body;
        break;
      case Encoding::packed: {
        const std::size_t before = out.size();
        for (std::uint64_t element = op.count; element-- > 0;)
          put_content(op.element, value, op.offset + element * op.stride, op.size, out);
        out.varint(out.size() - before);
        out.varint(op.tag);
        break;
      }
      case Encoding::repeated:
        for (std::uint64_t element = op.count; element-- > 0;) {
          put_content(op.element, value, op.offset + element * op.stride, op.size, out);
          out.varint(op.tag);
        }
        break;
      default:
        put_content(op.encoding, value, op.offset, op.size, out);
        out.varint(op.tag);
    }
  }
}

}  // namespace

BackWriter::BackWriter(std::size_t capacity) : storage_(capacity), start_(capacity) {}

void BackWriter::clear() noexcept { start_ = storage_.size(); }

std::span<const std::byte> BackWriter::bytes() const noexcept { return std::span(storage_).subspan(start_); }

void BackWriter::grow(std::size_t size) {
  const std::size_t used = this->size();
  std::vector<std::byte> larger(std::max(storage_.size() * 2, used + size));
  std::memcpy(larger.data() + larger.size() - used, storage_.data() + start_, used);
  start_ = larger.size() - used;
  storage_.swap(larger);
}

void BackWriter::long_varint(std::uint64_t value) {
  const auto length = static_cast<std::size_t>((std::bit_width(value) + 6) / 7);
  std::byte* out = reserve(length);
  for (std::size_t i = 0; i + 1 < length; ++i, value >>= 7) out[i] = static_cast<std::byte>(value | 0x80);
  out[length - 1] = static_cast<std::byte>(value);
}

void BackWriter::raw(std::span<const std::byte> bytes) {
  if (!bytes.empty()) std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
}

void EncodePlan::encode(std::span<const std::byte> value, BackWriter& out) const {
  encode_all(operations_, value.data(), out);
}

}  // namespace vmitap::types
