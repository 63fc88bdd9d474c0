// SPDX-License-Identifier: MIT
// The guest's clock against this host's. Both run on one machine: it is the same TSC.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "backend/guest.hpp"

namespace vmitap::backend::local {

class GuestClock {
 public:
  // `clock` is enum vmitap_clock as the guest says it. Takes 10 ms to calibrate a TSC.
  static Result<std::unique_ptr<GuestClock>> make(std::uint32_t clock);

  // A map anchored now. Its rate is measured over the last 8 to 16 seconds (less at the beginning), so
  // that it follows the kernel's slewing of CLOCK_MONOTONIC. Any thread.
  ClockMap map();
  [[nodiscard]] std::uint64_t ticks() const noexcept;

 private:
  struct Sample {
    std::uint64_t ticks = 0;
    std::int64_t monotonic_ns = 0;
    std::int64_t realtime_ns = 0;
  };
  explicit GuestClock(bool tsc);
  [[nodiscard]] Sample sample() const;

  const bool tsc_;
  std::mutex mutex_;  // over what follows
  Sample reference_;  // where the rate is measured from
  Sample next_reference_;
};

// True if the processor counts at one rate at all times, on all cores alike.
bool tsc_is_invariant();

}  // namespace vmitap::backend::local
