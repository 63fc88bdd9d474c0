// SPDX-License-Identifier: MIT
// The backend::Guest that is a Linux process of this machine.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "backend/guest.hpp"
#include "backend/local/control_client.hpp"
#include "backend/local/find.hpp"
#include "backend/local/guest_clock.hpp"
#include "backend/local/memory_reader.hpp"
#include "backend/local/proc.hpp"
#include "backend/local/process_stop.hpp"
#include "backend/local/shared_channel.hpp"
#include "backend/local/window_reader.hpp"

namespace vmitap::backend::local {

class LocalGuest final : public Guest {
 public:
  static Result<std::unique_ptr<Guest>> open(Found found);

  [[nodiscard]] const GuestIdentity& identity() const override { return identity_; }
  Result<GuestCatalog> list() override;
  Result<void> attach() override;
  [[nodiscard]] Channel channel() const override { return channel_ ? channel_->channel() : Channel{}; }
  Result<void> arm(const ArmRequest& request) override;
  Result<void> disarm(TriggerId trigger) override;
  void give_up(std::string why) override;
  [[nodiscard]] ClockMap clock() const override;
  [[nodiscard]] std::uint64_t ticks() const noexcept override;
  [[nodiscard]] int doorbell() const override { return channel_ ? channel_->doorbell() : -1; }
  void clear_doorbell() override;
  void fence() override;
  void wake(RingIndex ring) override;
  [[nodiscard]] int control() const override { return events_.get(); }
  ControlEvent on_control() override;
  [[nodiscard]] std::string epitaph() const override;
  void read(std::span<ReadRequest> requests) noexcept override;
  [[nodiscard]] bool stood_still() const noexcept override { return stood_still_; }
  [[nodiscard]] bool alive() const noexcept override;

 private:
  explicit LocalGuest(Found found);
  Result<void> pause() override;
  void unpause() noexcept override;

  // One request to the agent at a time, undisturbed by on_control(). A conversation that failed in the
  // middle is ended: what comes next could not be told from the answer that is missing.
  template <class Request>
  auto converse(Request&& request);
  void watch_socket(bool watched) noexcept;
  void end_session(std::string why) noexcept;
  Result<SharedChannel> open_channel();

  GuestIdentity identity_;
  pid_t pid_;
  Fd pidfd_;
  ProgramImage program_;  // when it was opened

  std::mutex conversation_;  // over client_ and epitaph_
  ControlClient client_;
  std::string epitaph_;
  std::atomic<bool> gone_{false};
  Fd news_;    // eventfd: a CHANGED came in the middle of a conversation
  Fd events_;  // epoll over the pidfd, the socket, the news

  std::optional<SharedChannel> channel_;
  std::unique_ptr<GuestClock> clock_;
  MemoryReader catalog_reader_;   // control thread
  MemoryReader snapshot_reader_;  // snapshot thread
  std::unique_ptr<ProcessStop> stop_;
  std::unique_ptr<WindowReader> window_reader_;
  bool paused_ = false;
  bool stood_still_ = false;
};

}  // namespace vmitap::backend::local
