// SPDX-License-Identifier: MIT
#include "backend/local/guest_clock.hpp"

#include <chrono>
#include <ctime>
#include <limits>
#include <thread>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace vmitap::backend::local {
namespace {

constexpr std::int64_t kFirstWindowNs = 10'000'000;
constexpr std::int64_t kWindowNs = 8'000'000'000;

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::uint64_t read_tsc() {
#if defined(__x86_64__)
  // The fences keep the reading of the counter from moving past its neighbours (Intel SDM, RDTSC).
  _mm_lfence();
  const std::uint64_t ticks = __rdtsc();
  _mm_lfence();
  return ticks;
#else
  return 0;
#endif
}

}  // namespace

bool tsc_is_invariant() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;  // Intel SDM, CPUID
#else
  return false;
#endif
}

Result<std::unique_ptr<GuestClock>> GuestClock::make(std::uint32_t clock) {
  if (clock != VMITAP_CLOCK_TSC && clock != VMITAP_CLOCK_MONOTONIC) {
    return fail({.code = Errc::protocol,
                 .subject = "the clock is none that the ring's contract knows",
                 .number = clock});
  }
#if !defined(__x86_64__)
  if (clock == VMITAP_CLOCK_TSC) {
    return fail({.code = Errc::protocol, .subject = "the guest counts TSC ticks on a machine that has none"});
  }
#endif
  std::unique_ptr<GuestClock> made(new GuestClock(clock == VMITAP_CLOCK_TSC));
  if (made->tsc_) std::this_thread::sleep_for(std::chrono::nanoseconds(kFirstWindowNs));
  return made;
}

GuestClock::GuestClock(bool tsc) : tsc_(tsc), reference_(sample()), next_reference_(reference_) {}

std::uint64_t GuestClock::ticks() const noexcept {
#if defined(__x86_64__)
  if (tsc_) return __rdtsc();
#endif
  return static_cast<std::uint64_t>(now_ns(CLOCK_MONOTONIC));
}

GuestClock::Sample GuestClock::sample() const {
  // Of a few tries the one least disturbed: whose two readings of the counter lie closest together.
  Sample best;
  std::uint64_t best_bracket = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t before = tsc_ ? read_tsc() : static_cast<std::uint64_t>(now_ns(CLOCK_MONOTONIC));
    const std::int64_t monotonic = now_ns(CLOCK_MONOTONIC);
    const std::uint64_t after = tsc_ ? read_tsc() : static_cast<std::uint64_t>(now_ns(CLOCK_MONOTONIC));
    const std::int64_t realtime = now_ns(CLOCK_REALTIME);
    const std::int64_t monotonic_again = now_ns(CLOCK_MONOTONIC);
    if (after - before >= best_bracket) continue;
    best_bracket = after - before;
    best.ticks = tsc_ ? before + (after - before) / 2 : static_cast<std::uint64_t>(monotonic);
    best.monotonic_ns = monotonic;
    // Realtime was read at about the middle of the two monotonic readings.
    best.realtime_ns = realtime - (monotonic_again - monotonic) / 2;
  }
  return best;
}

ClockMap GuestClock::map() {
  const std::lock_guard lock(mutex_);
  const Sample now = sample();
  ClockMap map{now.ticks, now.monotonic_ns, now.realtime_ns, 1.0};
  if (!tsc_) return map;
  const std::int64_t elapsed_ns = now.monotonic_ns - reference_.monotonic_ns;
  const std::uint64_t elapsed_ticks = now.ticks - reference_.ticks;
  if (elapsed_ns > 0 && elapsed_ticks > 0) {
    map.ns_per_tick = static_cast<double>(elapsed_ns) / static_cast<double>(elapsed_ticks);
  }
  if (now.monotonic_ns - next_reference_.monotonic_ns >= kWindowNs) {
    reference_ = next_reference_;
    next_reference_ = now;
  }
  return map;
}

}  // namespace vmitap::backend::local
