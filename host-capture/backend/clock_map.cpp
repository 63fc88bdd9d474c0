// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include "backend/guest.hpp"

namespace vmitap::backend {
namespace {

// base + (ticks - base_ticks) * ns_per_tick. The ticks are the guest's word: any value must do, so the
// sum saturates.
std::int64_t at(std::int64_t base, const ClockMap& map, std::uint64_t ticks) {
  constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t min = std::numeric_limits<std::int64_t>::min();
  const auto elapsed = static_cast<std::int64_t>(ticks - map.base_ticks);  // modulo 2^64, either way
  const double ns = static_cast<double>(elapsed) * map.ns_per_tick;
  if (!(std::fabs(ns) < 9e18)) return ns > 0 ? max : min;
  std::int64_t sum = 0;
  if (__builtin_add_overflow(base, static_cast<std::int64_t>(ns), &sum)) return ns > 0 ? max : min;
  return sum;
}

}  // namespace

std::int64_t ClockMap::monotonic_ns(std::uint64_t ticks) const noexcept {
  return at(base_monotonic_ns, *this, ticks);
}

std::int64_t ClockMap::realtime_ns(std::uint64_t ticks) const noexcept {
  return at(base_realtime_ns, *this, ticks);
}

}  // namespace vmitap::backend
