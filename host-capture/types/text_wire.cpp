// SPDX-License-Identifier: MIT
#include "types/text_wire.hpp"

#include <cstdint>
#include <cstring>

#include "types/wire.hpp"

namespace vmitap::types::wire {
namespace {

bool is_ascii(const std::byte* text, std::size_t size) noexcept {
  std::uint64_t high = 0;
  for (; size >= 8; size -= 8, text += 8) high |= load<std::uint64_t>(text);
  for (; size != 0; --size, ++text) high |= std::uint64_t{std::to_integer<std::uint8_t>(*text)};
  return (high & kContinues) == 0;
}

// Length of the well-formed UTF-8 sequence at the start (Unicode, table 3-7); 0 if there is none.
std::size_t sequence_size(const std::byte* text, std::size_t size) noexcept {
  const auto at = [&](std::size_t i) { return std::to_integer<std::uint8_t>(text[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (size < length) return 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (lead == 0xe0) low = 0xa0;   // overlong
  if (lead == 0xed) high = 0x9f;  // surrogates
  if (lead == 0xf0) low = 0x90;   // overlong
  if (lead == 0xf4) high = 0x8f;  // beyond U+10FFFF
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::byte* put_escaped(std::byte* front, const std::byte* text, std::size_t size) noexcept {
  std::size_t escaped = 0;
  for (std::size_t i = 0; i < size;) {
    const std::size_t length = sequence_size(text + i, size - i);
    escaped += length == 0 ? 4 : length;
    i += length == 0 ? 1 : length;
  }
  front -= escaped;
  std::byte* to = front;
  for (std::size_t i = 0; i < size;) {
    const std::size_t length = sequence_size(text + i, size - i);
    if (length != 0) {
      std::memcpy(to, text + i, length);
      to += length;
      i += length;
      continue;
    }
    constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = std::to_integer<std::uint8_t>(text[i++]);
    const char escape[4] = {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    std::memcpy(to, escape, sizeof escape);
    to += sizeof escape;
  }
  return front;
}

}  // namespace

std::byte* put_text(std::byte* front, const std::byte* text, std::size_t size) noexcept {
  if (size == 0) return front;
  const auto* const nul = static_cast<const std::byte*>(std::memchr(text, 0, size));
  if (nul != nullptr) size = static_cast<std::size_t>(nul - text);
  if (!is_ascii(text, size)) return put_escaped(front, text, size);
  front -= size;
  std::memcpy(front, text, size);
  return front;
}

}  // namespace vmitap::types::wire
