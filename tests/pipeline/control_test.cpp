// SPDX-License-Identifier: MIT
#include "pipeline/control.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <atomic>
#include <thread>

namespace vmitap::pipeline {
namespace {

using namespace std::chrono_literals;

// Says all the time that what it offers has changed.
class RestlessGuest final : public backend::Guest {
 public:
  std::atomic<int> lists{0};

  const backend::GuestIdentity& identity() const override { return identity_; }
  Result<backend::GuestCatalog> list() override {
    ++lists;
    return {};
  }
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
  int control() const override { return always_.get(); }
  ControlEvent on_control() override { return ControlEvent::changed; }
  std::string epitaph() const override { return {}; }
  void read(std::span<backend::ReadRequest>) noexcept override {}
  bool stood_still() const noexcept override { return true; }
  bool alive() const noexcept override { return true; }

 private:
  Result<void> pause() override { return {}; }
  void unpause() noexcept override {}
  Fd always_{::eventfd(1, 0)};
  backend::GuestIdentity identity_;
};

TEST(Control, LooksAgainOnlyWhenTheLastListWasTaken) {
  RestlessGuest guest;
  const Options options;
  std::atomic<int> news{0};
  auto control = Control::start(guest, options, {}, [&] {
    ++news;
    news.notify_all();
  });
  ASSERT_TRUE(control);
  (*control)->listen();
  for (int looks = 1; looks <= 2; ++looks) {
    news.wait(looks - 1);
    std::this_thread::sleep_for(700ms);  // for some looks more
    EXPECT_EQ(guest.lists, looks);
    const auto told = (*control)->next();
    ASSERT_TRUE(told);
    EXPECT_TRUE(std::holds_alternative<Listing>(*told));
  }
}

}  // namespace
}  // namespace vmitap::pipeline
