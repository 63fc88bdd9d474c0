// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vmitap::types {

struct Token {
  enum class Kind : std::uint8_t { end, name, number, quoted, sign };
  Kind kind = Kind::end;
  std::string_view text;  // quoted: without its quotes
  std::size_t column = 1;

  [[nodiscard]] bool is(std::string_view sign) const { return kind == Kind::sign && text == sign; }
  bool operator==(const Token& other) const { return kind == other.kind && text == other.text; }
};

// Any text has tokens; what C does not know is a sign. Ends with Token::Kind::end. Views of `text`.
std::vector<Token> tokenize(std::string_view text);

// As C writes it: decimal, hexadecimal, octal, with suffixes. Nothing if it is none or does not fit.
std::optional<std::int64_t> number(std::string_view text);

}  // namespace vmitap::types
