// SPDX-License-Identifier: MIT
#include "base/nearest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
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

// For one name: a guest may have millions of names that are all as long as what was meant.
constexpr std::size_t kComparisonsMax = std::size_t{1} << 25;

// Optimal string alignment distance, in quarter steps; kFar, as soon as it is known to be more than `limit`.
class Distance {
 public:
  static constexpr std::size_t kFar = SIZE_MAX;

  [[nodiscard]] bool has_comparisons_left() const { return comparisons_ < kComparisonsMax; }

  std::size_t operator()(std::string_view a, std::string_view b, std::size_t limit) {
    const std::size_t lengths = std::max(a.size(), b.size()) - std::min(a.size(), b.size());
    if (lengths * kStep > limit) return kFar;
    for (auto& row : rows_) row.resize(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) rows_[0][j] = j * kStep;
    std::size_t least_above = 0;
    for (std::size_t i = 1; i <= a.size(); ++i) {
      const auto& before = rows_[(i + 1) % 3];  // row i - 2
      const auto& above = rows_[(i - 1) % 3];
      auto& row = rows_[i % 3];
      std::size_t least = row[0] = i * kStep;
      for (std::size_t j = 1; j <= b.size(); ++j) {
        row[j] =
            std::min({above[j] + kStep, row[j - 1] + kStep, above[j - 1] + replacing(a[i - 1], b[j - 1])});
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
          row[j] = std::min(row[j], before[j - 2] + kStep);
        }
        least = std::min(least, row[j]);
      }
      comparisons_ += b.size();
      if (least > limit && least_above > limit) return kFar;  // a swap reaches over one row
      least_above = least;
    }
    const std::size_t distance = rows_[a.size() % 3][b.size()];
    return distance > limit ? kFar : distance;
  }

 private:
  std::array<std::vector<std::size_t>, 3> rows_;
  std::size_t comparisons_ = 0;
};

}  // namespace

std::string nearest(std::string_view name, std::span<const std::string_view> known) {
  name = name.substr(0, kLongest);
  if (name.empty()) return {};
  Distance distance;
  std::string_view best;
  std::size_t best_distance = Distance::kFar;
  for (const std::string_view candidate : known) {
    if (best_distance == 0 || !distance.has_comparisons_left()) break;
    const std::string_view shortened = candidate.substr(0, kLongest);
    if (shortened.empty()) continue;
    const bool continues = name.size() >= 3 && (shortened.starts_with(name) || name.starts_with(shortened));
    const std::size_t longer = std::max(name.size(), shortened.size());
    const std::size_t near = (continues ? longer * kStep : longer * kStep / 3);
    const std::size_t far = distance(name, shortened, std::min(near, best_distance - 1));
    if (far == Distance::kFar) continue;
    best = candidate;
    best_distance = far;
  }
  return std::string(best);
}

}  // namespace vmitap
