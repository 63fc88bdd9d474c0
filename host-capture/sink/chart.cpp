// SPDX-License-Identifier: MIT
#include "sink/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <optional>

#include "base/printable.hpp"
#include "sink/axis.hpp"

namespace vmitap::sink {
namespace {

using Area = ChartArea;

constexpr double kPlotWidth = Area::kWidth - Area::kLeft - Area::kRight;
constexpr double kPlotHeight = Area::kHeight - Area::kTop - Area::kBottom;
constexpr double kTitle = 44;    // pixels that the document's title takes
constexpr double kHeading = 30;  // and a connection's
constexpr double kLetter = 7.3;  // and a letter of a field's name
constexpr double kGap = 22;      // between two names

double seconds(std::uint64_t from_ns, std::uint64_t to_ns) {
  return static_cast<double>(to_ns > from_ns ? to_ns - from_ns : 0) / 1e9;
}

double length(TimeSpan span) { return std::max(seconds(span.from_ns, span.to_ns), 1e-9); }

void line(std::string& out, const char* style, double x1, double y1, double x2, double y2) {
  fmt::format_to(std::back_inserter(out),
                 "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", style, x1,
                 y1, x2, y2);
}

void text(std::string& out, std::string_view style, double x, double y, std::string_view words) {
  fmt::format_to(std::back_inserter(out), "<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", style,
                 x, y, escaped(words));
}

void draw_axes(std::string& out, const Axis& values, double time) {
  for (int i = 0; i <= values.steps(); ++i) {
    const double y = Area::kTop + (1 - values.share(values.at(i))) * kPlotHeight;
    line(out, "grid", Area::kLeft, y, Area::kLeft + kPlotWidth, y);
    text(out, "value", Area::kLeft - 8, y + 4, value_label(values.at(i), values.step));
  }
  const Axis times = axis_over(0, time, 8);
  for (int i = 0; i <= times.steps() && times.at(i) <= time; ++i) {
    const double x = Area::kLeft + times.at(i) / time * kPlotWidth;
    line(out, "tick", x, Area::kTop + kPlotHeight, x, Area::kTop + kPlotHeight + 5);
    text(out, "time", x, Area::kTop + kPlotHeight + 19, seconds_label(times.at(i)));
  }
}

// Of three that also the colour-blind tell apart (Okabe and Ito).
const char* colour_of(std::size_t at) {
  constexpr std::array<const char*, 3> kNames{"first", "second", "third"};
  return kNames[at % kNames.size()];
}

void draw_series(std::string& out, const Series& series, const char* colour, const Axis& values,
                 TimeSpan span) {
  fmt::format_to(std::back_inserter(out), "<path class=\"series {}\" d=\"", colour);
  bool is_first = true;
  for (const Sample& sample : thinned(series.samples, span, static_cast<std::size_t>(kPlotWidth))) {
    const double x = Area::kLeft + seconds(span.from_ns, sample.time_ns) / length(span) * kPlotWidth;
    const double y = Area::kTop + (1 - values.share(sample.value)) * kPlotHeight;
    out += is_first ? fmt::format("M{:.1f} {:.1f}", x, y) : fmt::format("H{:.1f}V{:.1f}", x, y);
    is_first = false;
  }
  // The last value holds to the end; a lone one is seen so, too.
  fmt::format_to(std::back_inserter(out), "H{:.1f}\"/>\n", Area::kLeft + kPlotWidth);
}

}  // namespace

TimeSpan time_span(std::span<const Series> series) {
  TimeSpan span{.from_ns = std::numeric_limits<std::uint64_t>::max(), .to_ns = 0};
  for (const Series& each : series) {
    if (each.samples.empty()) continue;
    span.from_ns = std::min(span.from_ns, each.samples.front().time_ns);
    span.to_ns = std::max(span.to_ns, each.samples.back().time_ns);
  }
  return span.from_ns > span.to_ns ? TimeSpan{} : span;
}

std::vector<Sample> thinned(std::span<const Sample> samples, TimeSpan span, std::size_t columns) {
  std::vector<Sample> kept;
  const double time = length(span);
  const auto column_of = [&](const Sample& sample) {
    return static_cast<std::size_t>(seconds(span.from_ns, sample.time_ns) / time *
                                    static_cast<double>(columns));
  };
  for (std::size_t begin = 0; begin < samples.size();) {
    std::size_t end = begin;
    std::size_t lowest = begin;
    std::size_t highest = begin;
    for (; end < samples.size() && column_of(samples[end]) == column_of(samples[begin]); ++end) {
      if (samples[end].value < samples[lowest].value) lowest = end;
      if (samples[end].value > samples[highest].value) highest = end;
    }
    std::array<std::size_t, 4> wanted{begin, lowest, highest, end - 1};
    std::ranges::sort(wanted);
    const auto unique =
        std::unique(wanted.begin(), wanted.end());  // clang 14 has trouble with ranges::unique
    std::for_each(wanted.begin(), unique, [&](std::size_t at) { kept.push_back(samples[at]); });
    begin = end;
  }
  return kept;
}

std::vector<std::span<const Series>> charts_of(std::span<const Series> series, bool together) {
  std::vector<std::span<const Series>> charts;
  for (std::size_t begin = 0; begin < series.size();) {
    std::size_t end = begin + 1;
    while (together && end < series.size() && heading_of(series[end]) == heading_of(series[begin])) ++end;
    charts.push_back(series.subspan(begin, end - begin));
    begin = end;
  }
  return charts;
}

std::string chart_group(std::span<const Series> series, TimeSpan span) {
  double lowest = std::numeric_limits<double>::max();
  double highest = std::numeric_limits<double>::lowest();
  for (const Series& each : series) {
    const auto [low, high] = std::ranges::minmax(each.samples, {}, &Sample::value);
    lowest = std::min(lowest, low.value);
    highest = std::max(highest, high.value);
  }
  const Axis values = axis_over(lowest, highest, 4);
  std::string out = "<g>\n";
  draw_axes(out, values, length(span));
  double x = Area::kLeft;
  for (std::size_t i = 0; i < series.size(); ++i) {
    // Their order is also that of what lies on top: the first.
    const std::size_t at = series.size() - 1 - i;
    draw_series(out, series[at], colour_of(at), values, span);
  }
  for (std::size_t i = 0; i < series.size(); ++i) {
    text(out, fmt::format("field {}", colour_of(i)), x, Area::kTop - 9, series[i].field);
    x += static_cast<double>(series[i].field.size()) * kLetter + kGap;
  }
  return out + "</g>\n";
}

std::string chart_svg(std::span<const Series> series, std::string_view title, bool together) {
  const TimeSpan span = time_span(series);
  std::string body;
  double y = kTitle;
  std::optional<std::string> heading;
  for (const std::span<const Series> each : charts_of(series, together)) {
    if (heading != heading_of(each.front())) {
      heading = heading_of(each.front());
      if (!heading->empty()) {
        text(body, "heading", Area::kLeft, y + 18, *heading);
        y += kHeading;
      }
    }
    fmt::format_to(std::back_inserter(body), "<g transform=\"translate(0 {:.0f})\">{}</g>\n", y,
                   chart_group(each, span));
    y += Area::kHeight;
  }
  std::string head;
  text(head, "title", Area::kLeft, 26, title);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
      "{1:.0f}\">\n"
      "<style>\n{2}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{3}{4}</svg>\n",
      Area::kWidth, y, chart_style(), head, body);
}

std::string_view chart_style() {
  return "text{font:12px sans-serif;fill:#444}\n"
         ".title{font-size:17px;font-weight:bold;fill:#111}\n"
         ".heading{font-size:14px;font-weight:bold;fill:#111}\n"
         ".field{font:bold 12px monospace}\n"
         ".field.first{fill:#0072b2}\n.field.second{fill:#d55e00}\n.field.third{fill:#009e73}\n"
         ".value{text-anchor:end}\n.time{text-anchor:middle}\n"
         ".grid{stroke:#ddd}\n.tick{stroke:#888}\n"
         ".series{fill:none;stroke-width:1.3;stroke-linejoin:round}\n"
         ".series.first{stroke:#0072b2}\n.series.second{stroke:#d55e00}\n.series.third{stroke:#009e73}\n";
}

std::string heading_of(const Series& series) {
  if (series.guest.empty()) return series.connection;
  return series.connection.empty() ? series.guest : fmt::format("{} of {}", series.connection, series.guest);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace vmitap::sink
