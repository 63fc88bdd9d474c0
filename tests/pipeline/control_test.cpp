// SPDX-License-Identifier: MIT
#include "pipeline/control.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <atomic>
#include <thread>

#include "idle_guest.hpp"

namespace vmitap::pipeline {
namespace {

using namespace std::chrono_literals;

// Says all the time that what it offers has changed.
class RestlessGuest final : public test::IdleGuest {
 public:
  std::atomic<int> lists{0};

  Result<backend::GuestCatalog> list() override {
    ++lists;
    return {};
  }
  int control() const override { return always_.get(); }
  ControlEvent on_control() override { return ControlEvent::changed; }

 private:
  Fd always_{::eventfd(1, 0)};
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
