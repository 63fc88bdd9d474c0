// SPDX-License-Identifier: MIT
#include "cli/plot_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sink/axis.hpp"

namespace vmitap::cli {
namespace {

// A grid of braille cells, 2 dots wide and 4 high each. Dot (0, 0) is at the bottom left.
class Canvas {
 public:
  Canvas(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows), cells_(columns * rows) {}
  [[nodiscard]] std::size_t width() const { return columns_ * 2; }
  [[nodiscard]] std::size_t height() const { return rows_ * 4; }

  void line(double x0, double y0, double x1, double y1) {
    const auto steps = static_cast<int>(std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1.0}));
    for (int step = 0; step <= steps; ++step) {
      const double share = static_cast<double>(step) / steps;
      dot(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share);
    }
  }

  [[nodiscard]] std::string row(std::size_t row) const {
    std::string text;
    for (std::size_t column = 0; column < columns_; ++column) {
      const std::uint8_t dots = cells_[row * columns_ + column];
      if (dots == 0) {
        text += ' ';
        continue;
      }
      // UTF-8 of U+2800 + dots.
      text += {'\xe2', static_cast<char>(0xa0 | dots >> 6), static_cast<char>(0x80 | (dots & 0x3f))};
    }
    return text;
  }

 private:
  void dot(double x, double y) {
    // Bits of a cell's dots, from the top down: https://www.unicode.org/charts/PDF/U2800.pdf
    constexpr std::array<std::array<std::uint8_t, 2>, 4> bits = {
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    const auto column = std::min(static_cast<std::size_t>(std::lround(std::max(x, 0.0))), width() - 1);
    const auto up = std::min(static_cast<std::size_t>(std::lround(std::max(y, 0.0))), height() - 1);
    const std::size_t down = height() - 1 - up;
    cells_[down / 4 * columns_ + column / 2] |= bits[down % 4][column % 2];
  }

  std::size_t columns_, rows_;
  std::vector<std::uint8_t> cells_;
};

}  // namespace

std::string plot_text(std::span<const Point> points, std::size_t columns, std::size_t rows) {
  if (points.empty()) return {};
  columns = std::max<std::size_t>(columns, 30);
  rows = std::max<std::size_t>(rows, 4);
  const auto [lowest, highest] = std::ranges::minmax(points, {}, &Point::value);
  const auto [earliest, latest] = std::ranges::minmax(points, {}, &Point::seconds);
  const std::size_t body = rows - 2;  // the time axis and its labels take two
  const sink::Axis axis = sink::axis_over(lowest.value, highest.value, std::max<std::size_t>(body / 3, 1));

  // Labels at the rows in which their values lie.
  std::vector<std::string> labels(body);
  std::size_t label_width = 0;
  for (int i = 0; i <= axis.steps(); ++i) {
    const double value = axis.at(i);
    const double up = axis.share(value) * static_cast<double>(body * 4 - 1);
    std::string& label = labels[body - 1 - static_cast<std::size_t>(std::lround(up)) / 4];
    label = sink::value_label(value, axis.step);
    label_width = std::max(label_width, label.size());
  }

  Canvas canvas(columns - std::min(label_width + 2, columns - 10), body);
  const double time = latest.seconds > earliest.seconds ? latest.seconds - earliest.seconds : 1;
  const auto x = [&, start = earliest.seconds](const Point& point) {
    return (point.seconds - start) / time * static_cast<double>(canvas.width() - 1);
  };
  const auto y = [&](const Point& point) {
    return axis.share(point.value) * static_cast<double>(canvas.height() - 1);
  };
  const Point* before = &points.front();
  for (const Point& point : points) {
    canvas.line(x(*before), y(*before), x(point), y(point));
    before = &point;
  }

  std::string text;
  for (std::size_t row = 0; row < body; ++row) {
    text += fmt::format("{:>{}} {}{}\n", labels[row], label_width, labels[row].empty() ? "│" : "┤",
                        canvas.row(row));
  }
  const std::size_t across = canvas.width() / 2;
  const std::string margin(label_width + 1, ' ');
  text += margin + "└";
  for (std::size_t i = 0; i < across; ++i) text += "─";
  const std::string end = sink::seconds_label(latest.seconds);
  text += fmt::format("\n{}{:<12}{:>{}}\n", margin, sink::seconds_label(earliest.seconds), end,
                      // µ is two bytes and one column
                      across + 1 - 12 + (end.find("µ") != end.npos ? 1 : 0));
  return text;
}

}  // namespace vmitap::cli
