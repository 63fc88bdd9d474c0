// SPDX-License-Identifier: MIT
#include "base/parse.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace vmitap {
namespace {

struct Quantity {
  double value;
  std::string_view unit;
};

// A plain decimal number of at least 0, then whatever follows.
std::optional<Quantity> parse_quantity(std::string_view text) {
  double value = 0;
  if (text.empty() || !(text[0] == '.' || (text[0] >= '0' && text[0] <= '9'))) return std::nullopt;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  return Quantity{value, unit};
}

Error bad(std::string_view text, const char* expected) {
  return {.code = Errc::bad_config, .operation = "parse", .subject = std::string(text), .hint = expected};
}

}  // namespace

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  constexpr const char* expected = "expected a duration such as 500us, 10ms, 1.5s, 2m or 1h";
  constexpr std::pair<std::string_view, double> units[] = {{"ns", 1.0}, {"us", 1e3},  {"µs", 1e3},
                                                           {"ms", 1e6}, {"s", 1e9},   {"min", 60e9},
                                                           {"m", 60e9}, {"h", 3600e9}};
  constexpr double longest = 100.0 * 366 * 24 * 3600e9;
  const auto quantity = parse_quantity(text);
  if (!quantity) return fail(bad(text, expected));
  if (quantity->unit.empty() && quantity->value == 0) return std::chrono::nanoseconds{0};
  for (const auto& [unit, ns] : units) {
    if (quantity->unit != unit) continue;
    const double total = quantity->value * ns;
    if (total > longest) return fail(bad(text, "expected a duration of at most 100 years"));
    return std::chrono::nanoseconds{static_cast<std::int64_t>(std::llround(total))};
  }
  return fail(bad(text, expected));
}

Result<double> parse_share(std::string_view text) {
  const auto quantity = parse_quantity(text);
  if (quantity && (quantity->unit == "%" || quantity->unit.empty())) {
    const double share = quantity->unit.empty() ? quantity->value : quantity->value / 100;
    if (share <= 1) return share;
  }
  return fail(bad(text, "expected a share such as 5%, from 0% to 100%"));
}

}  // namespace vmitap
