// SPDX-License-Identifier: MIT
#include "backend/checks.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "fake_agent.hpp"

namespace vmitap::backend {
namespace {

TEST(Checks, TryWhatTheHostNeeds) {
  const auto checks = check_host();
  EXPECT_GE(checks.size(), 6u);
  for (const Check& check : checks) {
    EXPECT_FALSE(check.what.empty());
    EXPECT_FALSE(check.finding.empty());
    EXPECT_EQ(check.remedy.empty(), check.verdict == Check::Verdict::works) << check.what;
    // The tests themselves need all of it.
    EXPECT_NE(check.verdict, Check::Verdict::fails) << check.what << ": " << check.finding;
  }
}

TEST(Checks, TellWhyAGuestIsNone) {
  const auto checks = check_guest("local:99999999");
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_EQ(checks[0].verdict, Check::Verdict::fails);
  EXPECT_FALSE(checks[0].remedy.empty());
}

TEST(Checks, TellWhatAGuestAllows) {
  const test::FakeAgent agent([](int c) {
    test::FakeAgent::welcome(c);
    test::FakeAgent::hear(c);
  });
  const auto checks = check_guest(agent.name());
  EXPECT_GE(checks.size(), 3u);
  EXPECT_TRUE(std::all_of(checks.begin(), checks.end(),
                          [](const Check& c) { return c.verdict == Check::Verdict::works; }));
}

}  // namespace
}  // namespace vmitap::backend
