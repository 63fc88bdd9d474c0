// SPDX-License-Identifier: MIT
#include "types/schema_names.hpp"

namespace vmitap::types {
namespace {

constexpr std::size_t kLongest = 200;  // of templates: c_struct tells it all

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '_'; }

}  // namespace

std::string identifier(std::string_view text) {
  std::string name;
  bool gap = false;
  for (const char c : text) {
    if (!is_word(c)) {
      gap = true;
      continue;
    }
    if (gap && !name.empty() && !name.ends_with('_') && c != '_') name += '_';
    gap = false;
    if (name.empty() && is_digit(c)) name += '_';
    name += c;
    if (name.size() == kLongest) break;
  }
  return name.empty() ? "unnamed" : name;
}

std::string camel_case(std::string_view identifier) {
  std::string name;
  bool start = true;
  for (const char c : identifier) {
    if (c == '_') {
      start = true;
      continue;
    }
    if (name.empty() && is_digit(c)) name += '_';
    name += start && is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    start = false;
  }
  return name.empty() ? "Unnamed" : name;
}

std::string folded(std::string_view identifier) {
  std::string name;
  for (const char c : identifier) {
    if (c != '_') name += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name;
}

bool UniqueNames::insert(const std::string& name) {
  return taken_.insert(compare_ == Compare::folded ? folded(name) : name).second;
}

std::string UniqueNames::take(std::string_view wanted) {
  std::string name{wanted};
  if (insert(name)) return name;
  std::size_t& number = next_.try_emplace(name, 2).first->second;
  do {
    name = std::string{wanted} + "_" + std::to_string(number++);
  } while (!insert(name));
  return name;
}

}  // namespace vmitap::types
