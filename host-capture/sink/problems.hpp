// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>

namespace vmitap::sink {

// Remembers the first thing that was wrong with a file, and how many followed.
class Problems {
 public:
  void add(std::string problem) {
    if (count_++ == 0) first_ = std::move(problem);
  }
  [[nodiscard]] bool any() const noexcept { return count_ > 0; }
  [[nodiscard]] std::string text() const {
    return count_ > 1 ? fmt::format("{} (and {} more)", first_, count_ - 1) : first_;
  }

 private:
  std::string first_;
  std::uint64_t count_ = 0;
};

}  // namespace vmitap::sink
