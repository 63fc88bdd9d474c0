// SPDX-License-Identifier: MIT
#include "base/parse.hpp"

#include <gtest/gtest.h>

namespace vmitap {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, TakesANumberAndAUnit) {
  EXPECT_EQ(parse_duration("10ms").value(), 10ms);
  EXPECT_EQ(parse_duration("500us").value(), 500us);
  EXPECT_EQ(parse_duration("500µs").value(), 500us);
  EXPECT_EQ(parse_duration("2s").value(), 2s);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration(".5s").value(), 500ms);
  EXPECT_EQ(parse_duration("250ns").value(), 250ns);
  EXPECT_EQ(parse_duration("2m").value(), 2min);
  EXPECT_EQ(parse_duration("2min").value(), 2min);
  EXPECT_EQ(parse_duration("1 h").value(), 1h);
  EXPECT_EQ(parse_duration("0").value(), 0ns);
}

TEST(ParseDuration, RefusesWhatIsNone) {
  for (const char* text : {"", "10", "ms", "-1s", "+1s", "1.5.2s", "10 parsecs", "1e3s", "nan", "inf s",
                           "0x10s", "1ss", "1s ", "99999999999999999999h", "101000h00"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, Errc::bad_config);
    EXPECT_EQ(parsed.error().subject, text);
    EXPECT_FALSE(parsed.error().hint.empty());
  }
}

TEST(ParseShare, TakesPercentAndShare) {
  EXPECT_DOUBLE_EQ(parse_share("5%").value(), 0.05);
  EXPECT_DOUBLE_EQ(parse_share("0.5 %").value(), 0.005);
  EXPECT_DOUBLE_EQ(parse_share("0.05").value(), 0.05);
  EXPECT_DOUBLE_EQ(parse_share("100%").value(), 1);
  EXPECT_DOUBLE_EQ(parse_share("0").value(), 0);
}

TEST(ParseShare, RefusesWhatIsNone) {
  for (const char* text : {"", "%", "101%", "5", "-1%", "5%%", "5 percent", "nan%"}) {
    const auto parsed = parse_share(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, Errc::bad_config);
  }
}

}  // namespace
}  // namespace vmitap
