// SPDX-License-Identifier: MIT
#include "base/nearest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace vmitap {
namespace {

constexpr std::size_t kLongest = 256;  // names beyond it are compared by their start
constexpr std::size_t kStep = 4;       // costs are in quarter steps: another case is one

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t replacing(char a, char b) {
  if (a == b) return 0;
  return lower(a) == lower(b) ? 1 : kStep;
}

// Optimal string alignment distance, in quarter steps.
std::size_t distance(std::string_view a, std::string_view b) {
  std::array<std::vector<std::size_t>, 3> rows;
  for (auto& row : rows) row.resize(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j * kStep;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const auto& before = rows[(i + 1) % 3];  // row i - 2
    const auto& above = rows[(i - 1) % 3];
    auto& row = rows[i % 3];
    row[0] = i * kStep;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + kStep, row[j - 1] + kStep, above[j - 1] + replacing(a[i - 1], b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + kStep);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

}  // namespace

std::string nearest(std::string_view name, std::span<const std::string_view> known) {
  name = name.substr(0, kLongest);
  std::string_view best;
  std::size_t best_distance = 0;
  for (const std::string_view candidate : known) {
    const std::string_view shortened = candidate.substr(0, kLongest);
    if (shortened.empty() || name.empty()) continue;
    std::size_t far = distance(name, shortened);
    const bool continues = name.size() >= 3 && (shortened.starts_with(name) || name.starts_with(shortened));
    const std::size_t limit = std::max(name.size(), shortened.size()) * kStep / 3;
    if (far > limit && !continues) continue;
    if (best.empty() || far < best_distance) {
      best = candidate;
      best_distance = far;
    }
  }
  return std::string(best);
}

}  // namespace vmitap
