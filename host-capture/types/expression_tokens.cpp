// SPDX-License-Identifier: MIT
#include "types/expression_tokens.hpp"

#include <charconv>

namespace vmitap::types {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
// Compilers take $, and UTF-8 beyond ASCII.
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || (c & '\x80') != 0;
}
bool is_name(char c) { return is_name_start(c) || is_digit(c); }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::size_t length_of(std::string_view text, bool (*belongs)(char)) {
  std::size_t length = 1;
  while (length < text.size() && belongs(text[length])) ++length;
  return length;
}

}  // namespace

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  const auto take = [&](Token::Kind kind, std::size_t length) {
    tokens.push_back({kind, text.substr(at, length), at + 1});
    at += length;
  };
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (is_space(rest[0])) {
      ++at;
    } else if (is_name_start(rest[0])) {
      take(Token::Kind::name, length_of(rest, is_name));
    } else if (is_digit(rest[0])) {
      take(Token::Kind::number, length_of(rest, is_name));
    } else if (const std::size_t end = rest.find('\'', 1); rest[0] == '\'' && end != std::string_view::npos) {
      tokens.push_back({Token::Kind::quoted, rest.substr(1, end - 1), at + 1});
      at += end + 1;
    } else {
      take(Token::Kind::sign, rest.starts_with("->") || rest.starts_with("::") ? 2 : 1);
    }
  }
  tokens.push_back({Token::Kind::end, {}, text.size() + 1});
  return tokens;
}

std::optional<std::int64_t> number(std::string_view text) {
  while (!text.empty() && std::string_view{"uUlL"}.find(text.back()) != std::string_view::npos) {
    text.remove_suffix(1);
  }
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stop != end || value < 0) return std::nullopt;
  return value;
}

}  // namespace vmitap::types
