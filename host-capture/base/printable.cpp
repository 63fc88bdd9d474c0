// SPDX-License-Identifier: MIT
#include "base/printable.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

namespace vmitap {
namespace {

struct CodePoint {
  std::uint32_t value;
  std::size_t length;
};

// The code point that starts the text; nothing if it is no well-formed UTF-8 (Unicode, table 3-7).
std::optional<CodePoint> first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) -> std::uint32_t { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return CodePoint{lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return std::nullopt;
  std::uint32_t value = lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
    return std::nullopt;
  return CodePoint{value, length};
}

bool is_shown(std::uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  if (c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e)) return false;
  if ((c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe) return false;
  return !(c >= 0x2066 && c <= 0x2069) && c != 0xfeff;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto c = first_code_point(text);
    const std::size_t length = c ? c->length : 1;
    if (c && is_shown(c->value)) {
      shown.append(text.substr(0, length));
    } else if (!c || c->value < 0x80) {
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else {
      fmt::format_to(std::back_inserter(shown), "\\u{{{:04x}}}", c->value);
    }
    text.remove_prefix(length);
  }
  return shown;
}

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const auto c = first_code_point(text);
    if (!c || !is_shown(c->value)) return false;
    text.remove_prefix(c->length);
  }
  return true;
}

}  // namespace vmitap
