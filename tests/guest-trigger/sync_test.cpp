// SPDX-License-Identifier: MIT
// SYNC: the firing thread waits for the host, and never for one that is gone.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "subject.hpp"
#include "test_host.hpp"

namespace vmitap::test {
namespace {

constexpr std::uint32_t kLong = 600'000'000;  // us

TEST(GuestSync, HoldsTheThreadUntilTheHostHasRead) {
  constexpr std::size_t kCount = 2000;
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat", .sync = true, .sync_timeout_us = kLong}), 0U);
  const auto counter = host.catalog().marks.at("counter").wire.variable;
  subject.send("fire " + std::to_string(kCount));
  for (std::size_t i = 0; i < kCount;) {
    for (const Seen& record : host.drain_until([](const auto& seen) { return !seen.empty(); })) {
      ASSERT_EQ(record.flags, VMITAP_RECORD_SYNC);
      if (i % 100 == 0) usleep(1000);  // long enough for the thread to go to sleep
      ASSERT_EQ(host.peek<std::uint64_t>(counter), i);
      ASSERT_FALSE(host.consumer().sync_abandoned(record.ring, record.position + 1));
      host.answer(record);
      ++i;
    }
  }
  EXPECT_EQ(subject.answer(), "ok");
}

TEST(GuestSync, HoldsManyThreads) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat", .sync = true, .sync_timeout_us = kLong}), 0U);
  subject.send("threads 8 500");
  std::size_t count = 0;
  while (count < 4000) {
    const auto seen = host.drain_until([](const auto& so_far) { return !so_far.empty(); });
    ASSERT_FALSE(seen.empty());
    for (const Seen& record : seen) host.answer(record);
    count += seen.size();
  }
  EXPECT_EQ(subject.answer(), "ok");
  EXPECT_EQ(host.losses(false), 0U);
}

TEST(GuestSync, GivesUpWhenTheTimeIsOverAndSaysSo) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat", .sync = true, .sync_timeout_us = 2000}), 0U);
  ASSERT_EQ(subject.tell("fire 3"), "ok");
  const auto seen = host.drain();
  ASSERT_EQ(seen.size(), 3U);
  for (const Seen& record : seen)
    EXPECT_TRUE(host.consumer().sync_abandoned(record.ring, record.position + 1));
}

TEST(GuestSync, GoesOnWhenTheHostDetaches) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat", .sync = true, .sync_timeout_us = kLong}), 0U);
  subject.send("threads 20 5");
  host.drain_until([](const auto& seen) { return seen.size() >= 20; });
  host.detach();
  EXPECT_EQ(subject.answer(), "ok");
}

// The host is killed at many moments of a wait; the guest must not notice but for the wait's end.
TEST(GuestSync, GoesOnWhenTheHostIsKilled) {
  Subject subject;
  for (unsigned round = 0; round < 30; ++round) {
    std::array<int, 2> armed{};
    ASSERT_EQ(pipe(armed.data()), 0);
    const pid_t host_process = fork();
    if (host_process == 0) {
      TestHost host(subject.pid());
      std::uint32_t reason = VMITAP_REFUSED_CAPTURED;
      while (reason == VMITAP_REFUSED_CAPTURED) reason = host.attach();
      reason = host.arm({.trigger = "beat", .sync = true, .sync_timeout_us = kLong});
      if (write(armed[1], &reason, sizeof reason) < 0) _exit(1);
      for (;;)
        for (const Seen& record : host.drain())
          if (record.at<std::uint64_t>(0) < round) host.answer(record);
    }
    std::uint32_t reason = 1;
    ASSERT_EQ(read(armed[0], &reason, sizeof reason), static_cast<ssize_t>(sizeof reason));
    ASSERT_EQ(reason, 0U);
    subject.send("fire 100");
    usleep(round * 200);
    kill(host_process, SIGKILL);
    waitpid(host_process, nullptr, 0);
    EXPECT_EQ(subject.answer(), "ok") << "round " << round;
    close(armed[0]);
    close(armed[1]);
  }
  EXPECT_EQ(subject.finish(), 0);
}

// A handler that fires in the middle of another record cannot be answered, and so must not wait.
TEST(GuestSync, DoesNotWaitWhereNobodyCanAnswer) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  ASSERT_EQ(host.arm({.trigger = "handled", .sync = true, .sync_timeout_us = kLong}), 0U);
  subject.send("handlers 500");
  const auto id = host.catalog().triggers.at("handled").wire.id;
  std::size_t waited = 0;
  std::size_t nested = 0;
  while (!subject.has_answer()) {
    for (const Seen& record : host.drain()) {
      if (record.trigger != id) continue;
      if ((record.flags & VMITAP_RECORD_SYNC) == 0) {
        ++nested;
        continue;
      }
      ++waited;
      host.answer(record);
    }
  }
  EXPECT_NE(subject.answer(), "");
  EXPECT_GT(waited + nested, 0U);
}

}  // namespace
}  // namespace vmitap::test
