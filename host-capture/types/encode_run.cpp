// SPDX-License-Identifier: MIT
// Compiled twice, see encode_run.hpp: nothing here may be an inline function or a template that other files
// have too, as the linker keeps one of them, perhaps one that not every processor can run. wire.hpp's are
// apart.
#include "types/encode_run.hpp"

#include <array>
#include <cstring>

#include "types/text_wire.hpp"
#include "types/wire.hpp"

#ifndef VMITAP_ENCODE_RUN
#define VMITAP_ENCODE_RUN run_anywhere
#endif

namespace vmitap::types {
namespace {

using wire::load;
using Op = EncodePlan::Op;
using Operation = EncodePlan::Operation;
using Detail = EncodePlan::Detail;

// A message or a loop that is being written.
struct Frame {
  const std::byte* base;  // loop: of what encloses it
  const Operation* body;  // loop
  const std::byte* back;  // message: where it ends
  std::uint32_t left;     // loop: elements
  std::uint32_t stride;   // loop
};

std::byte* put_u8(std::byte* front, std::uint8_t value) noexcept {
  const unsigned more = value >> 7;
  return wire::put_word(front, value | more << 8, 1 + more);
}

template <class T>
std::byte* put_integer(std::byte* front, const std::byte* from) noexcept {
  if constexpr (std::is_same_v<T, bool>) {
    *--front = static_cast<std::byte>(load<std::uint8_t>(from) != 0);
    return front;
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    return put_u8(front, load<std::uint8_t>(from));
  } else if constexpr (std::is_signed_v<T>) {
    return wire::put_varint(front, static_cast<std::uint64_t>(std::int64_t{load<T>(from)}));
  } else {
    return wire::put_varint(front, load<T>(from));
  }
}

std::byte* put_tag(std::byte* front, const Operation& operation) noexcept {
  return wire::put_aligned(front, operation.tag, operation.tag_size);
}

template <class T>
std::byte* put_floating(std::byte* front, const std::byte* from) noexcept {
  return wire::put_fixed(front, static_cast<double>(load<T>(from)));
}

// vmitap.Int128 and vmitap.UInt128, with their length.
std::byte* put_int128(std::byte* front, std::uint64_t low, std::uint64_t high) noexcept {
  front = wire::put_fixed(front, low);
  *--front = std::byte{wire::tag(2, wire::kFixed64)};
  front = wire::put_fixed(front, high);
  *--front = std::byte{wire::tag(1, wire::kFixed64)};
  *--front = std::byte{18};
  return front;
}

// A bit-field that no single load reaches, or that has fewer than eight bytes around it.
std::byte* put_wide_bits(std::byte* front, const std::byte* base, const Detail& detail) noexcept {
  std::array<std::byte, 24> copy{};
  std::memcpy(copy.data(), base + detail.offset, detail.count);
  const auto word = [&](std::size_t i) { return load<std::uint64_t>(copy.data() + 8 * i); };
  const unsigned shift = detail.bit_offset;
  unsigned __int128 value = word(0);
  value |= static_cast<unsigned __int128>(word(1)) << 64;
  value >>= shift;
  if (shift != 0) value |= static_cast<unsigned __int128>(word(2)) << (128 - shift);
  const unsigned unused = 128u - detail.bit_size;
  value <<= unused;
  value = detail.is_signed ? static_cast<unsigned __int128>(static_cast<__int128>(value) >> unused)
                           : value >> unused;
  const auto low = static_cast<std::uint64_t>(value);
  if (!detail.is_message) return wire::put_varint(front, low);
  return put_int128(front, low, static_cast<std::uint64_t>(value >> 64));
}

template <class T>
std::byte* put_packed(std::byte* front, const std::byte* base, const Operation& operation,
                      const Detail& detail) noexcept {
  const std::byte* const back = front;
  const std::byte* const first = base + detail.offset;
  for (const std::byte* from = first + std::size_t{detail.count} * detail.stride; from != first;) {
    from -= detail.stride;
    if constexpr (std::is_integral_v<T>) {
      front = put_integer<T>(front, from);
    } else {
      front = put_floating<T>(front, from);
    }
  }
  return put_tag(wire::put_varint(front, static_cast<std::uint64_t>(back - front)), operation);
}

}  // namespace

std::byte* VMITAP_ENCODE_RUN(const Operation* op, const Detail* details, const std::byte* base,
                             std::byte* front) noexcept {
  std::array<Frame, EncodePlan::kNestingMax> frames;  // only what is in use is ever touched
  Frame* next = frames.data();
  const auto detail = [&]() -> const Detail& { return details[op->offset]; };
  const auto each = [&](auto put) {
    unsigned left = op->run;
    do {
      front = put_tag(put(front, base + op->offset), *op);
      ++op;
    } while (--left != 0);
  };
  const auto packed = [&]<class T>(T) {
    front = put_packed<T>(front, base, *op, detail());
    ++op;
  };
  for (;;) {
    switch (op->op) {
      case Op::end:
        return front;
      case Op::u8:
        each(put_integer<std::uint8_t>);
        break;
      case Op::u16:
        each(put_integer<std::uint16_t>);
        break;
      case Op::u32:
        each(put_integer<std::uint32_t>);
        break;
      case Op::u64:
        each(put_integer<std::uint64_t>);
        break;
      case Op::s8:
        each(put_integer<std::int8_t>);
        break;
      case Op::s16:
        each(put_integer<std::int16_t>);
        break;
      case Op::s32:
        each(put_integer<std::int32_t>);
        break;
      case Op::s64:
        each(put_integer<std::int64_t>);
        break;
      case Op::boolean:
        each(put_integer<bool>);
        break;
      case Op::fixed32:
        each([](std::byte* to, const std::byte* from) {
          return wire::put_fixed(to, load<std::uint32_t>(from));
        });
        break;
      case Op::fixed64:
        each([](std::byte* to, const std::byte* from) {
          return wire::put_fixed(to, load<std::uint64_t>(from));
        });
        break;
      case Op::bits_unsigned:
        do {
          const std::uint64_t bits = load<std::uint64_t>(base + op->offset) << op->run >> op->shift;
          front = put_tag(wire::put_varint(front, bits), *op);
          ++op;
        } while (op->op == Op::bits_unsigned);
        break;
      case Op::bits_signed: {
        const std::uint64_t bits = load<std::uint64_t>(base + op->offset) << op->run;
        const std::int64_t value = static_cast<std::int64_t>(bits) >> op->shift;
        front = put_tag(wire::put_varint(front, static_cast<std::uint64_t>(value)), *op);
        ++op;
        break;
      }
      case Op::x87:
        front = put_tag(put_floating<long double>(front, base + detail().offset), *op);
        ++op;
        break;
      case Op::binary128:
        front = put_tag(put_floating<__float128>(front, base + detail().offset), *op);
        ++op;
        break;
      case Op::int128: {
        const std::byte* const from = base + detail().offset;
        front = put_tag(put_int128(front, load<std::uint64_t>(from), load<std::uint64_t>(from + 8)), *op);
        ++op;
        break;
      }
      case Op::wide_bits:
        front = put_tag(put_wide_bits(front, base, detail()), *op);
        ++op;
        break;
      case Op::text: {
        const std::byte* const back = front;
        front = wire::put_text(front, base + detail().offset, detail().count);
        front = put_tag(wire::put_varint(front, static_cast<std::uint64_t>(back - front)), *op);
        ++op;
        break;
      }
      case Op::bytes:
        front -= detail().count;
        std::memcpy(front, base + detail().offset, detail().count);
        front = put_tag(wire::put_varint(front, detail().count), *op);
        ++op;
        break;
      case Op::packed_u8:
        packed(std::uint8_t{});
        break;
      case Op::packed_u16:
        packed(std::uint16_t{});
        break;
      case Op::packed_u32:
        packed(std::uint32_t{});
        break;
      case Op::packed_u64:
        packed(std::uint64_t{});
        break;
      case Op::packed_s8:
        packed(std::int8_t{});
        break;
      case Op::packed_s16:
        packed(std::int16_t{});
        break;
      case Op::packed_s32:
        packed(std::int32_t{});
        break;
      case Op::packed_s64:
        packed(std::int64_t{});
        break;
      case Op::packed_boolean:
        packed(bool{});
        break;
      case Op::packed_x87:
        packed(0.0L);
        break;
      case Op::packed_binary128:
        packed(__float128{});
        break;
      case Op::packed_raw: {
        const std::size_t size = std::size_t{detail().count} * detail().stride;
        front -= size;
        std::memcpy(front, base + detail().offset, size);
        front = put_tag(wire::put_varint(front, size), *op);
        ++op;
        break;
      }
      case Op::message_end:
        (next++)->back = front;
        ++op;
        break;
      case Op::message_start:
        --next;
        front = put_tag(wire::put_varint(front, static_cast<std::uint64_t>(next->back - front)), *op);
        ++op;
        break;
      case Op::loop_begin: {
        const Detail& loop = detail();
        *next++ = {base, op + 1, nullptr, loop.count, loop.stride};
        base += loop.offset + std::size_t{loop.count - 1} * loop.stride;
        ++op;
        break;
      }
      case Op::loop_end:
        if (Frame& frame = next[-1]; --frame.left != 0) {
          base -= frame.stride;
          op = frame.body;
        } else {
          base = frame.base;
          --next;
          ++op;
        }
        break;
    }
  }
}

}  // namespace vmitap::types
