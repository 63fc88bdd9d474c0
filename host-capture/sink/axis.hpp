// SPDX-License-Identifier: MIT
// The scales of a plot and what stands beside them.
#pragma once

#include <cstddef>
#include <string>

namespace vmitap::sink {

// From one round number to another, in steps of 1, 2 or 5 times a power of ten.
struct Axis {
  double from = 0, to = 1, step = 1;

  [[nodiscard]] int steps() const;
  [[nodiscard]] double at(int step_number) const { return from + step_number * step; }
  // 0 at the beginning, 1 at the end.
  [[nodiscard]] double share(double value) const { return (value - from) / (to - from); }
};

// Covers finite values from min to max in about `wanted` steps, from 0 on where that shows them well.
Axis axis_over(double min, double max, std::size_t wanted);

std::string value_label(double value, double step);  // "12,345", "0.25", "1.2e+18"
std::string seconds_label(double seconds);           // "0", "250 ms", "12.3 s"

}  // namespace vmitap::sink
