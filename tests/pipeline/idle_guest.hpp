// SPDX-License-Identifier: MIT
// A guest that has nothing, says nothing and agrees to everything: tests derive from it what they are about.
#pragma once

#include "backend/guest.hpp"

namespace vmitap::pipeline::test {

class IdleGuest : public backend::Guest {
 public:
  const backend::GuestIdentity& identity() const override { return identity_; }
  Result<backend::GuestCatalog> list() override { return {}; }
  Result<void> attach() override { return {}; }
  backend::Channel channel() const override { return {}; }
  Result<void> arm(const backend::ArmRequest&) override { return {}; }
  Result<void> disarm(TriggerId) override { return {}; }
  void give_up(std::string) override {}
  backend::ClockMap clock() const override { return {}; }
  std::uint64_t ticks() const noexcept override { return 1; }
  int doorbell() const override { return -1; }
  void clear_doorbell() override {}
  void fence() override {}
  void wake(RingIndex) override {}
  int control() const override { return -1; }
  ControlEvent on_control() override { return ControlEvent::none; }
  std::string epitaph() const override { return {}; }
  void read(std::span<backend::ReadRequest>) noexcept override {}
  bool stood_still() const noexcept override { return true; }
  bool alive() const noexcept override { return true; }

 private:
  Result<void> pause() override { return {}; }
  void unpause() noexcept override {}
  backend::GuestIdentity identity_;
};

}  // namespace vmitap::pipeline::test
