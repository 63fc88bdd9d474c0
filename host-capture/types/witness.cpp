// SPDX-License-Identifier: MIT
#include "types/witness.hpp"

#include <fmt/format.h>

namespace vmitap::types {
namespace {

constexpr std::string_view kSame = "VMITAP_SAME";
constexpr std::string_view kAlive = "VMITAP_ALIVE";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

std::optional<Witness> parse_witness(std::string_view argument) {
  argument = trimmed(argument);
  const bool is_count = argument.starts_with(kAlive);
  if (!is_count && !argument.starts_with(kSame)) return std::nullopt;
  const std::string_view rest = trimmed(argument.substr(is_count ? kAlive.size() : kSame.size()));
  // Members have no commas, pointers may.
  const std::size_t comma = rest.rfind(',');
  if (!rest.starts_with('(') || !rest.ends_with(')') || comma == std::string_view::npos) return std::nullopt;
  const std::string_view pointer = trimmed(rest.substr(1, comma - 1));
  const std::string_view member = trimmed(rest.substr(comma + 1, rest.size() - comma - 2));
  if (pointer.empty() || member.empty()) return std::nullopt;
  return Witness{.pointer = std::string(pointer),
                 .expression = fmt::format("{}->{}", pointer, member),
                 .is_count = is_count};
}

}  // namespace vmitap::types
