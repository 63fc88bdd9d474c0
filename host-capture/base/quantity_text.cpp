// SPDX-License-Identifier: MIT
#include "base/quantity_text.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace vmitap {
namespace {

// Three digits that matter, more only where the number is whole.
std::string three_digits(double value) {
  if (value < 10) return fmt::format("{:.2f}", value);
  if (value < 100) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

}  // namespace

std::string count_text(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr std::array<const char*, 6> units = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{} {}", three_digits(value), units[unit]);
}

std::string duration_text(std::uint64_t ns) {
  const auto value = static_cast<double>(ns);
  if (ns < 1000) return fmt::format("{} ns", ns);
  if (value < 999.5e3) return fmt::format("{} µs", three_digits(value / 1e3));
  if (value < 999.5e6) return fmt::format("{} ms", three_digits(value / 1e6));
  const std::uint64_t seconds = ns / 1'000'000'000;
  if (seconds < 120) return fmt::format("{} s", three_digits(value / 1e9));
  if (seconds < 7200) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string share_text(double share) { return fmt::format("{:.2f} %", share * 100); }

std::string time_text(std::uint64_t realtime_ns) {
  const auto seconds = static_cast<std::time_t>(realtime_ns / 1'000'000'000);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "?";
  if (std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts) == 0) return "?";
  return fmt::format("{}.{:03} UTC", text.data(), realtime_ns / 1'000'000 % 1000);
}

std::string plural(std::uint64_t count, const char* one) {
  return fmt::format("{} {}{}", count_text(count), one, count == 1 ? "" : "s");
}

}  // namespace vmitap
