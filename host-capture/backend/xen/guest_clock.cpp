// SPDX-License-Identifier: MIT
#include "backend/xen/guest_clock.hpp"

#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <thread>

#include "backend/xen/domain_control.hpp"

namespace vmitap::backend::xen {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstSample = 2s;
constexpr std::int64_t kSampleAge = 60'000'000'000;  // no honest guest is further from now
constexpr std::uint64_t kLongEnough = 500'000'000;   // between two samples that give a rate
constexpr double kRateTolerance = 0.01;
// No processor counts slower or faster; what is told decides how long a fence takes of the host's time.
constexpr std::uint32_t kSlowestKhz = 1'000;
constexpr std::uint32_t kFastestKhz = 10'000'000;

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct HostTimes {
  std::int64_t system;  // Xen's
  std::int64_t monotonic;
  std::int64_t realtime;
};

// The three at one moment: of a few tries the one whose bracket is the narrowest.
Result<HostTimes> host_times(int privcmd) {
  HostTimes best{};
  std::int64_t narrowest = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < 5; ++i) {
    const std::int64_t before = now_ns(CLOCK_MONOTONIC);
    const auto system = system_time(privcmd);
    const std::int64_t after = now_ns(CLOCK_MONOTONIC);
    if (!system) return fail(system.error());
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    const std::int64_t realtime = now_ns(CLOCK_REALTIME);
    const std::int64_t again = now_ns(CLOCK_MONOTONIC);
    best.system = static_cast<std::int64_t>(*system);
    best.monotonic = before + (after - before) / 2;
    best.realtime = realtime - (after + (again - after) / 2 - best.monotonic);
  }
  return best;
}

}  // namespace

Result<std::unique_ptr<GuestClock>> GuestClock::make(const Directory& directory, int privcmd) {
  std::unique_ptr<GuestClock> clock(new GuestClock(directory, privcmd));
  const auto deadline = std::chrono::steady_clock::now() + kFirstSample;
  for (;;) {
    auto updated = clock->update();
    if (updated) return clock;
    if (std::chrono::steady_clock::now() > deadline) return fail(std::move(updated.error()));
    std::this_thread::sleep_for(10ms);
  }
}

Result<void> GuestClock::update() {
  const auto sample = directory_.clock();
  if (!sample || sample->version == 0)
    return fail({.code = Errc::timeout, .subject = "the guest's module to tell its clock"});
  const auto host = host_times(privcmd_);
  if (!host) return fail(host.error());
  const auto system = static_cast<std::int64_t>(sample->system_ns);
  if (sample->tsc_khz < kSlowestKhz || sample->tsc_khz > kFastestKhz ||
      std::abs(static_cast<double>(system) - static_cast<double>(host->system)) >
          static_cast<double>(kSampleAge))
    return fail({.code = Errc::protocol, .subject = "the guest's clock is far from the host's"});

  const std::lock_guard lock(mutex_);
  if (first_.version == 0) first_ = *sample;
  const double nominal = 1e6 / sample->tsc_khz;
  double rate = nominal;
  if (sample->tsc > first_.tsc && sample->system_ns - first_.system_ns > kLongEnough) {
    const double measured = static_cast<double>(sample->system_ns - first_.system_ns) /
                            static_cast<double>(sample->tsc - first_.tsc);
    if (std::abs(measured / nominal - 1) < kRateTolerance) rate = measured;
  }
  map_ = {.base_ticks = sample->tsc,
          .base_monotonic_ns = host->monotonic + (system - host->system),
          .base_realtime_ns = host->realtime + (system - host->system),
          .ns_per_tick = rate};
  return {};
}

ClockMap GuestClock::map() {
  (void)update();  // else the last one goes on
  const std::lock_guard lock(mutex_);
  return map_;
}

std::uint64_t GuestClock::ticks() const noexcept {
  const std::int64_t now = now_ns(CLOCK_MONOTONIC);
  const std::lock_guard lock(mutex_);
  const double since = static_cast<double>(now - map_.base_monotonic_ns) / map_.ns_per_tick;
  return map_.base_ticks + static_cast<std::uint64_t>(static_cast<std::int64_t>(since));
}

}  // namespace vmitap::backend::xen
