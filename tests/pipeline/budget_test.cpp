// SPDX-License-Identifier: MIT
#include "pipeline/budget.hpp"

#include <gtest/gtest.h>

namespace vmitap::pipeline {
namespace {

using namespace std::chrono_literals;

// Pauses of `pause` as often as the budget allows, tried every `step`; returns the share of time they took.
double share_taken(PauseBudget& budget, PauseBudget::Clock::time_point start, std::chrono::nanoseconds pause,
                   std::chrono::nanoseconds step, std::chrono::nanoseconds length) {
  std::chrono::nanoseconds paused{0};
  for (auto now = start; now < start + length; now += step) {
    if (!budget.allows(now)) continue;
    budget.spend(pause);
    paused += pause;
    now += pause;
  }
  return std::chrono::duration<double>(paused) / std::chrono::duration<double>(length);
}

TEST(PauseBudget, HoldsTheShareOverTime) {
  const PauseBudget::Clock::time_point start{};
  for (const double share : {0.01, 0.05, 0.5}) {
    PauseBudget budget(share, start);
    const double taken = share_taken(budget, start, 100us, 10us, 20s);
    EXPECT_LE(taken, share * 1.02) << share;
    EXPECT_GE(taken, share * 0.90) << share;
  }
}

TEST(PauseBudget, HoldsTheShareFromTheStartButForThePauseThatUsesItUp) {
  const PauseBudget::Clock::time_point start{};
  PauseBudget budget(0.05, start);
  EXPECT_LE(share_taken(budget, start, 100us, 1us, 50ms), 0.05 + 100.0 / 50000);
}

TEST(PauseBudget, HoldsTheShareWhenOnePauseIsLongerThanTheBucket) {
  const PauseBudget::Clock::time_point start{};
  PauseBudget budget(0.01, start);
  EXPECT_LE(share_taken(budget, start, 20ms, 1ms, 60s), 0.0105);
}

TEST(PauseBudget, NeverLimitsAtAHundredPercent) {
  PauseBudget budget(1.0);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(budget.allows(PauseBudget::Clock::now()));
    budget.spend(1s);
  }
}

TEST(PauseBudget, AllowsNoSecondPauseAtZero) {
  const PauseBudget::Clock::time_point start{};
  PauseBudget budget(0.0, start);
  int allowed = 0;
  for (int i = 0; i < 100; ++i) {
    if (!budget.allows(start + i * 1s)) continue;
    budget.spend(50us);
    ++allowed;
  }
  EXPECT_LE(allowed, 1);
}

TEST(PauseBudget, DoesNotHoardWhatAnIdleGuestLeft) {
  const PauseBudget::Clock::time_point start{};
  PauseBudget budget(0.05, start);
  // An hour without a pause, then a storm: the burst is bounded by the bucket, a tenth of a second's share.
  const auto storm = start + 1h;
  EXPECT_LE(share_taken(budget, storm, 100us, 1us, 1s), 0.05 * 1.12);
}

}  // namespace
}  // namespace vmitap::pipeline
