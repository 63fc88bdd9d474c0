// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <ctime>
#include <limits>
#include <thread>

#include "backend/guest.hpp"
#include "backend/local/guest_clock.hpp"

namespace vmitap::backend {
namespace {

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

TEST(ClockMap, CountsFromItsAnchorBothWays) {
  const ClockMap map{
      .base_ticks = 1000, .base_monotonic_ns = 50, .base_realtime_ns = 7000, .ns_per_tick = 0.5};
  EXPECT_EQ(map.monotonic_ns(1000), 50);
  EXPECT_EQ(map.monotonic_ns(1100), 100);
  EXPECT_EQ(map.monotonic_ns(900), 0);
  EXPECT_EQ(map.realtime_ns(1100), 7050);
}

TEST(ClockMap, AnyTicksOfAGuestGiveATime) {
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  for (const double rate : {0.3, 1.0, 1000.0}) {
    const ClockMap map{
        .base_ticks = 5, .base_monotonic_ns = max - 5, .base_realtime_ns = -max, .ns_per_tick = rate};
    for (const std::uint64_t ticks : {std::uint64_t{0}, std::uint64_t{1} << 62, std::uint64_t{1} << 63,
                                      (std::uint64_t{1} << 63) + 4, ~std::uint64_t{0}}) {
      static_cast<void>(map.monotonic_ns(ticks));
      static_cast<void>(map.realtime_ns(ticks));
    }
    EXPECT_EQ(map.monotonic_ns(std::uint64_t{1} << 62), max);
  }
}

// Its own clock read between two readings of the host's clock falls between them, but for what a processor
// may reorder and the rate's error over the time since calibration.
void agrees_with_the_host(std::uint32_t kind) {
  const auto clock = local::GuestClock::make(kind);
  ASSERT_TRUE(clock.has_value());
  for (int i = 0; i < 20; ++i) {
    const ClockMap map = (*clock)->map();
    const std::int64_t monotonic_before = now_ns(CLOCK_MONOTONIC);
    const std::int64_t realtime_before = now_ns(CLOCK_REALTIME);
    const std::uint64_t ticks = (*clock)->ticks();
    const std::int64_t monotonic_after = now_ns(CLOCK_MONOTONIC);
    const std::int64_t realtime_after = now_ns(CLOCK_REALTIME);
    constexpr std::int64_t slack = 20'000;
    EXPECT_GE(map.monotonic_ns(ticks), monotonic_before - slack);
    EXPECT_LE(map.monotonic_ns(ticks), monotonic_after + slack);
    EXPECT_GE(map.realtime_ns(ticks), realtime_before - slack);
    EXPECT_LE(map.realtime_ns(ticks), realtime_after + slack);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

TEST(GuestClock, MonotonicAgreesWithTheHost) { agrees_with_the_host(VMITAP_CLOCK_MONOTONIC); }

TEST(GuestClock, TscAgreesWithTheHost) {
  if (!local::tsc_is_invariant()) GTEST_SKIP() << "no invariant TSC here";
  agrees_with_the_host(VMITAP_CLOCK_TSC);
}

TEST(GuestClock, RefusesAClockThatIsNone) {
  for (const std::uint32_t kind : {0u, 3u, ~0u}) {
    const auto clock = local::GuestClock::make(kind);
    ASSERT_FALSE(clock.has_value());
    EXPECT_EQ(clock.error().code, Errc::protocol);
  }
}

}  // namespace
}  // namespace vmitap::backend
