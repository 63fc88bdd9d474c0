// SPDX-License-Identifier: MIT
// The backend::Guest that is a domain's network interface as dom0 sees it. The producer of its records is
// this very process, so the domain needs nothing of ours; what a module in it adds is that its kernel can be
// read.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "backend/guest.hpp"
#include "backend/xen/directory.hpp"
#include "backend/xen/domain_reader.hpp"
#include "backend/xen/vif_find.hpp"
#include "backend/xen/vif_tap.hpp"
#include "base/handle.hpp"

namespace vmitap::backend::xen {

class VifGuest final : public Guest {
 public:
  static Result<std::unique_ptr<Guest>> open(std::string_view name);
  VifGuest(const VifGuest&) = delete;
  VifGuest& operator=(const VifGuest&) = delete;

  [[nodiscard]] const GuestIdentity& identity() const override { return found_.identity; }
  Result<GuestCatalog> list() override;
  // Others may take the same packets.
  Result<void> attach() override;
  [[nodiscard]] Channel channel() const override { return tap_ ? tap_->channel() : Channel{}; }
  Result<void> arm(const ArmRequest& request) override;
  Result<void> disarm(TriggerId trigger) override;
  [[nodiscard]] ClockMap clock() const override;
  [[nodiscard]] std::uint64_t ticks() const noexcept override { return VifTap::ticks(); }
  [[nodiscard]] int doorbell() const override { return tap_ ? tap_->doorbell() : -1; }
  void clear_doorbell() override { tap_->clear_doorbell(); }
  void fence() override;
  void wake(RingIndex) override {}  // nobody waits
  [[nodiscard]] int control() const override { return events_.get(); }
  void give_up(std::string why) override;
  ControlEvent on_control() override;
  [[nodiscard]] std::string epitaph() const override;
  [[nodiscard]] bool reads_ahead() const noexcept override { return true; }
  void rehearse() noexcept override { reader_.rehearse(); }
  void read(std::span<ReadRequest> requests) noexcept override { reader_.read(requests); }
  void read_image(std::span<ReadRequest> requests) noexcept override;
  [[nodiscard]] std::optional<std::vector<unsigned long>> ioctls() const override;
  [[nodiscard]] bool stood_still() const noexcept override { return reader_.stood_still(); }
  [[nodiscard]] bool alive() const noexcept override { return !gone_.load(std::memory_order_acquire); }

 private:
  using Clock = std::chrono::steady_clock;

  VifGuest(Store store, DomainControl control, FoundVif found, PauseLedger& ledger)
      : store_(std::move(store)),
        control_(std::move(control)),
        found_(std::move(found)),
        ledger_(ledger),
        reader_(ledger) {}
  Result<void> watch();
  Result<void> pause() override;
  void unpause() noexcept override { reader_.unpause(); }
  Result<Directory> kernel_directory();
  Result<void> open_image(const Directory& directory);
  std::optional<std::string> how_it_ended();

  std::mutex store_mutex_;  // over the next two
  Store store_;
  DomainControl control_;
  FoundVif found_;
  PauseLedger& ledger_;

  std::unique_ptr<VifTap> tap_;
  Fd looks_;   // timerfd
  Fd events_;  // epoll over it and the store's watches
  std::optional<Clock::time_point> without_interface_;
  std::atomic<bool> gone_{false};
  std::string epitaph_;  // set before gone_

  std::optional<AddressSpace> kernel_space_;
  std::optional<Memory> image_;  // control thread
  DomainReader reader_;
};

}  // namespace vmitap::backend::xen
