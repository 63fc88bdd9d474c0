// SPDX-License-Identifier: MIT
#include "cli/plot_text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <vector>

#include "cli/table.hpp"

namespace vmitap::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(PlotText, DrawsARampFromCornerToCorner) {
  const std::vector<Point> ramp = {{0, 0}, {10, 100}};
  EXPECT_EQ(plot_text(ramp, 30, 6),
            "100 ┤                   ⣀⡠⠤⠔⠒⠉\n"
            "    │            ⢀⣀⠤⠤⠒⠊⠉      \n"
            "    │      ⣀⡠⠤⠒⠒⠉⠁            \n"
            "  0 ┤⣀⠤⠔⠒⠊⠉                   \n"
            "    └─────────────────────────\n"
            "    0                   10.0 s\n");
}

TEST(PlotText, FillsTheSizeThatItIsGiven) {
  std::vector<Point> wave;
  for (int i = 0; i < 1000; ++i) wave.push_back({i * 0.001, std::sin(i * 0.02) * 1e6});
  for (const auto& [columns, rows] : {std::pair(40u, 8u), {100u, 20u}, {173u, 33u}}) {
    const auto lines = lines_of(plot_text(wave, columns, rows));
    ASSERT_EQ(lines.size(), rows);
    for (const std::string& line : lines) EXPECT_EQ(columns_of(line), columns) << line;
  }
}

TEST(PlotText, TakesValuesThatDoNotChangeAndSinglePoints) {
  EXPECT_NE(plot_text(std::vector<Point>{{0, 5}}, 40, 8), "");
  EXPECT_NE(plot_text(std::vector<Point>{{0, 0}, {1, 0}}, 40, 8), "");
  EXPECT_NE(plot_text(std::vector<Point>{{0, -1e300}, {1, 1e300}}, 40, 8), "");
  EXPECT_NE(plot_text(std::vector<Point>{{0, 1e-300}, {1, 2e-300}}, 40, 8), "");
  EXPECT_NE(plot_text(std::vector<Point>{{5, 18446744073709551615.0}, {5, 1}}, 1, 1), "");
  EXPECT_EQ(plot_text({}, 40, 8), "");
}

}  // namespace
}  // namespace vmitap::cli
