// SPDX-License-Identifier: MIT
// The memory and the doorbell that a guest lends, checked before use.
#pragma once

#include <vector>

#include "backend/guest.hpp"
#include "base/handle.hpp"

namespace vmitap::backend::local {

class SharedChannel {
 public:
  // `descriptors`: guest region, host region, eventfd, from the guest. Refused (Errc::protocol) unless both
  // regions are memfds of ordinary pages sealed against shrinking: what the host maps can then not be
  // taken from under it, which would be a SIGBUS.
  static Result<SharedChannel> open(std::vector<Fd> descriptors);

  [[nodiscard]] Channel channel() const noexcept { return {guest_.bytes(), host_.bytes()}; }
  // vmitap_guest_header.clock as it was when the channel was opened.
  [[nodiscard]] std::uint32_t clock() const noexcept { return clock_; }
  [[nodiscard]] int doorbell() const noexcept { return doorbell_.get(); }
  void clear_doorbell() noexcept;
  void wake(RingIndex ring) noexcept;

 private:
  SharedChannel(Mapping guest, Mapping host, Fd doorbell, std::uint32_t clock) noexcept
      : guest_(std::move(guest)), host_(std::move(host)), doorbell_(std::move(doorbell)), clock_(clock) {}

  Mapping guest_;  // PROT_READ
  Mapping host_;
  Fd doorbell_;
  std::uint32_t clock_;
};

}  // namespace vmitap::backend::local
