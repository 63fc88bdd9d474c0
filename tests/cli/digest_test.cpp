// SPDX-License-Identifier: MIT
#include "cli/digest.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace vmitap::cli {
namespace {

TEST(Spread, IsTheNearestRankOverAllValues) {
  std::vector<std::uint64_t> values(1000);
  std::iota(values.begin(), values.end(), 1);  // 1 … 1000
  std::ranges::shuffle(values, std::mt19937(7));
  const Spread spread = spread_of(values);
  EXPECT_EQ(spread.count, 1000u);
  EXPECT_EQ(spread.min, 1u);
  EXPECT_EQ(spread.median, 500u);
  EXPECT_EQ(spread.p99, 990u);
  EXPECT_EQ(spread.max, 1000u);
}

TEST(Spread, OfFewValuesTakesOnesThatAreThere) {
  std::vector<std::uint64_t> one = {42};
  EXPECT_EQ(spread_of(one).median, 42u);
  EXPECT_EQ(spread_of(one).p99, 42u);
  std::vector<std::uint64_t> two = {9, 5};
  EXPECT_EQ(spread_of(two).median, 5u);
  EXPECT_EQ(spread_of(two).p99, 9u);
  std::vector<std::uint64_t> none;
  EXPECT_EQ(spread_of(none).count, 0u);
}

TEST(Digest, OfAFileThatIsNoCaptureIsAnError) {
  EXPECT_EQ(digest("/nonexistent").error().code, Errc::io);
  EXPECT_EQ(digest("/proc/self/exe").error().code, Errc::bad_file);
}

}  // namespace
}  // namespace vmitap::cli
