// SPDX-License-Identifier: MIT
// The backend::Guest that is a Xen domain's kernel, or a program in it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backend/guest.hpp"
#include "backend/xen/channel.hpp"
#include "backend/xen/domain_reader.hpp"
#include "backend/xen/find.hpp"
#include "backend/xen/guest_clock.hpp"
#include "base/handle.hpp"

namespace vmitap::backend::xen {

class XenGuest final : public Guest {
 public:
  static Result<std::unique_ptr<Guest>> open(std::string_view name);
  XenGuest(const XenGuest&) = delete;
  XenGuest& operator=(const XenGuest&) = delete;

  [[nodiscard]] const GuestIdentity& identity() const override { return found_.identity; }
  Result<GuestCatalog> list() override;
  Result<void> attach() override;
  [[nodiscard]] Channel channel() const override { return channel_ ? channel_->regions() : Channel{}; }
  Result<void> arm(const ArmRequest& request) override;
  Result<void> disarm(TriggerId trigger) override;
  void give_up(std::string why) override;
  [[nodiscard]] ClockMap clock() const override;
  [[nodiscard]] std::uint64_t ticks() const noexcept override { return clock_ ? clock_->ticks() : 0; }
  [[nodiscard]] int doorbell() const override { return channel_ ? channel_->events().fd() : -1; }
  void clear_doorbell() override;
  void fence() override;
  void wake(RingIndex ring) override;
  [[nodiscard]] int control() const override { return events_.get(); }
  ControlEvent on_control() override;
  [[nodiscard]] std::string epitaph() const override;
  [[nodiscard]] bool reads_ahead() const noexcept override { return true; }
  void rehearse() noexcept override { reader_.rehearse(); }
  void read(std::span<ReadRequest> requests) noexcept override { reader_.read(requests); }
  void read_image(std::span<ReadRequest> requests) noexcept override;
  [[nodiscard]] std::optional<std::vector<unsigned long>> ioctls() const override;
  [[nodiscard]] bool stood_still() const noexcept override { return reader_.stood_still(); }
  // What the directory says comes before xenstore tells, and before a program's page tables are another's.
  [[nodiscard]] bool alive() const noexcept override {
    return !gone_.load(std::memory_order_acquire) && !(channel_ && channel_->directory().is_retired());
  }

 private:
  XenGuest(Store store, DomainControl control, Found found, PauseLedger& ledger)
      : store_(std::move(store)),
        control_(std::move(control)),
        found_(std::move(found)),
        ledger_(ledger),
        reader_(ledger) {}
  Result<void> pause() override;
  void unpause() noexcept override { reader_.unpause(); }
  Result<void> ask(std::uint32_t type, const std::string& body);
  std::optional<std::string> how_it_ended() const;
  void forget_watches();
  Result<GuestCatalog> list_channel();
  Result<void> attach_channel();
  // Says of an error whose doing it is.
  template <class T>
  Result<T> named(Result<T> result) const;

  std::mutex store_mutex_;  // over the next three
  Store store_;
  std::vector<std::string> watched_;
  DomainControl control_;
  Found found_;
  PauseLedger& ledger_;

  std::unique_ptr<AttachedChannel> channel_;
  std::unique_ptr<GuestClock> clock_;
  std::uint64_t store_leaves_ticks_ = 0;
  std::mutex conversation_;
  std::atomic<std::uint32_t> catalog_seen_{0};
  AddressSpace space_;
  Fd news_;    // eventfd: the catalog changed
  Fd looks_;   // timerfd: the host looks by itself, too
  Fd events_;  // epoll over both and the store's watches
  std::atomic<bool> gone_{false};
  std::string epitaph_;  // set before gone_

  std::optional<Grants> grants_;  // control thread, as is the next; open for as long as they may be needed
  std::optional<Memory> image_;
  DomainReader reader_;
};

}  // namespace vmitap::backend::xen
