// SPDX-License-Identifier: MIT
// Series as pictures: SVG, which browsers and papers take.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sink/series.hpp"

namespace vmitap::sink {

struct TimeSpan {
  std::uint64_t from_ns = 0, to_ns = 0;  // since 1970
};
// That of all their samples.
TimeSpan time_span(std::span<const Series> series);

// Where a chart's plot lies in it, in pixels.
struct ChartArea {
  static constexpr double kWidth = 960, kHeight = 190;
  static constexpr double kLeft = 90, kRight = 20, kTop = 26, kBottom = 28;
};

// The samples that can be told apart in so many columns: of each column its first, lowest, highest and last.
std::vector<Sample> thinned(std::span<const Sample> samples, TimeSpan span, std::size_t columns);

// One <g> of ChartArea's size, on one axis. A value holds until the next, so lines are steps.
std::string chart_group(std::span<const Series> series, TimeSpan span);

// What stands in one chart: each series by itself, or a connection's together.
std::vector<std::span<const Series>> charts_of(std::span<const Series> series, bool together);

// How charts look, as CSS.
std::string_view chart_style();

// A whole document: all charts, one below the other, by connection and guest, below the title.
std::string chart_svg(std::span<const Series> series, std::string_view title, bool together = false);

// "tcp 10.77.1.2:43690 <-> 10.77.1.1:5001 of xen:web"; empty where there is but one guest and no connection.
std::string heading_of(const Series& series);

// As text in XML and HTML, also within quotes.
std::string escaped(std::string_view text);

}  // namespace vmitap::sink
