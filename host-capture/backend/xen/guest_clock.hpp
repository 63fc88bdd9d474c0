// SPDX-License-Identifier: MIT
// A guest's time stamp counter against this host's clocks. The guest samples its counter together with Xen's
// system time, which is one for all domains of a host; we sample that together with our clocks.
#pragma once

#include <mutex>

#include "backend/guest.hpp"
#include "backend/xen/directory.hpp"

namespace vmitap::backend::xen {

class GuestClock {
 public:
  // Errc::timeout if the guest gives no sample, protocol for one that cannot be.
  static Result<std::unique_ptr<GuestClock>> make(const Directory& directory, int privcmd);

  // Any thread. map() takes what the guest sampled last.
  ClockMap map();
  [[nodiscard]] std::uint64_t ticks() const noexcept;

 private:
  GuestClock(const Directory& directory, int privcmd) : directory_(directory), privcmd_(privcmd) {}
  Result<void> update();

  const Directory& directory_;
  int privcmd_;
  mutable std::mutex mutex_;
  vmitap_clock_sample first_{};
  ClockMap map_;
};

}  // namespace vmitap::backend::xen
