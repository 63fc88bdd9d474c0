// SPDX-License-Identifier: MIT
#include "sink/axis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/quantity_text.hpp"

namespace vmitap::sink {
namespace {

constexpr double kHuge = 1e300;  // beyond, ranges have no double

// 1, 2 or 5 times a power of ten, at least `least`.
double round_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) return factor * power;
  }
  return 10 * power;
}

}  // namespace

int Axis::steps() const { return static_cast<int>(std::lround((to - from) / step)); }

Axis axis_over(double min, double max, std::size_t wanted) {
  min = std::clamp(min, -kHuge, kHuge);
  max = std::clamp(max, -kHuge, kHuge);
  if (min >= 0 && min < max * 0.7) min = 0;  // a value that is near 0 is seen best from 0
  if (min == max) {
    min -= std::abs(min) * 0.5 + 0.5;
    max += std::abs(max) * 0.5 + 0.5;
  }
  const double step = round_step(std::max((max - min) / static_cast<double>(wanted), 1 / kHuge));
  return {std::floor(min / step) * step, std::ceil(max / step) * step, step};
}

std::string value_label(double value, double step) {
  const double whole = std::abs(value) < step * 1e-6 ? 0 : value;
  if (std::abs(whole) >= 1e15) return fmt::format("{:.3g}", whole);
  if (step < 1)
    return fmt::format("{:.{}f}", whole, static_cast<int>(std::min(std::ceil(-std::log10(step)), 12.0)));
  return (whole < 0 ? "-" : "") + count_text(static_cast<std::uint64_t>(std::llround(std::abs(whole))));
}

std::string seconds_label(double seconds) {
  return seconds <= 0 ? "0" : duration_text(static_cast<std::uint64_t>(std::min(seconds * 1e9, 9e18)));
}

}  // namespace vmitap::sink
