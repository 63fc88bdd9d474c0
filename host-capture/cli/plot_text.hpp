// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace vmitap::cli {

struct Point {
  double seconds = 0;  // since the capture's first point
  double value = 0;    // finite
};

// The points in their order, joined by lines, in braille dots (Unicode's U+2800 block) between a labelled
// value axis and a time axis. `columns` and `rows` are the whole picture's; at least 30 and 4 are taken.
// Empty if there are no points.
std::string plot_text(std::span<const Point> points, std::size_t columns, std::size_t rows);

}  // namespace vmitap::cli
