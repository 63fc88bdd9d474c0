// SPDX-License-Identifier: MIT
#include "base/quantity_text.hpp"

#include <gtest/gtest.h>

namespace vmitap {
namespace {

TEST(QuantityText, GroupsDigitsByThree) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(123456), "123,456");
  EXPECT_EQ(count_text(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(QuantityText, GivesDurationsThreeDigitsAndTheUnitThatFits) {
  EXPECT_EQ(duration_text(0), "0 ns");
  EXPECT_EQ(duration_text(999), "999 ns");
  EXPECT_EQ(duration_text(1000), "1.00 µs");
  EXPECT_EQ(duration_text(12'345), "12.3 µs");
  EXPECT_EQ(duration_text(999'499), "999 µs");
  EXPECT_EQ(duration_text(999'500), "1.00 ms");
  EXPECT_EQ(duration_text(1'500'000'000), "1.50 s");
  EXPECT_EQ(duration_text(119'900'000'000), "120 s");
  EXPECT_EQ(duration_text(200'000'000'000), "3 min 20 s");
  EXPECT_EQ(duration_text(2 * 3600'000'000'000 + 60'000'000'000), "2 h 1 min");
}

TEST(QuantityText, GivesBytesThePowerOfThousandThatFits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1234), "1.23 kB");
  EXPECT_EQ(bytes_text(999'499), "999 kB");
  EXPECT_EQ(bytes_text(999'999), "1.00 MB");
  EXPECT_EQ(bytes_text(UINT64_MAX), "18.4 EB");
}

TEST(QuantityText, TellsTimeInUtcWithMilliseconds) {
  EXPECT_EQ(time_text(0), "1970-01-01 00:00:00.000 UTC");
  EXPECT_EQ(time_text(1'795'414'321'503'921'884), "2026-11-23 06:12:01.503 UTC");
}

TEST(QuantityText, CountsOneWithoutAnS) {
  EXPECT_EQ(plural(1, "record"), "1 record");
  EXPECT_EQ(plural(0, "record"), "0 records");
  EXPECT_EQ(plural(1200, "record"), "1,200 records");
}

}  // namespace
}  // namespace vmitap
