// SPDX-License-Identifier: MIT
#include "types/vmcoreinfo.hpp"

#include <charconv>
#include <string>

namespace vmitap::types {

std::string_view vmcoreinfo_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    if (line.starts_with(key) && line.substr(key.size()).starts_with('=')) return line.substr(key.size() + 1);
  }
  return {};
}

std::optional<GuestVirt> vmcoreinfo_symbol(std::string_view text, std::string_view name) {
  const std::string_view digits = vmcoreinfo_value(text, "SYMBOL(" + std::string(name) + ")");
  GuestVirt address;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, address.value, 16);
  if (digits.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return address;
}

}  // namespace vmitap::types
