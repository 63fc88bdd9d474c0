// SPDX-License-Identifier: MIT
// What arrives when a trigger fires.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>

#include "subject.hpp"
#include "test_host.hpp"

namespace vmitap::test {
namespace {

auto count_is(std::size_t count) {
  return [count](const std::vector<Seen>& seen) { return seen.size() >= count; };
}

TEST(GuestFire, IsSilentUntilArmedAndAfterDisarm) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  EXPECT_EQ(subject.tell("fire 10"), "ok");
  EXPECT_EQ(host.drain().size(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  EXPECT_EQ(subject.tell("fire 10"), "ok");
  EXPECT_EQ(host.drain().size(), 10U);
  ASSERT_EQ(host.disarm("beat"), 0U);
  EXPECT_EQ(subject.tell("fire 10"), "ok");
  EXPECT_EQ(host.drain().size(), 0U);
}

TEST(GuestFire, EvaluatesArgumentsOnlyWhenArmedAndKeepsErrno) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  EXPECT_EQ(subject.tell("quiet"), "1 0");
  ASSERT_EQ(
      host.arm({.trigger = "quiet", .sync = true, .sync_timeout_us = 1000, .fetches = {at_address(8, 8)}}),
      0U);
  EXPECT_EQ(subject.tell("quiet"), "1 1");
}

TEST(GuestFire, BringsArgumentsInTheirOwnTypes) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "none"}), 0U);
  ASSERT_EQ(host.arm({.trigger = "sixteen"}), 0U);
  ASSERT_EQ(subject.tell("kinds"), "ok");
  const auto seen = host.drain();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].payload.size(), 0U);
  EXPECT_LT(seen[0].tsc, seen[1].tsc);
  EXPECT_EQ(seen[1].owner, static_cast<std::uint32_t>(subject.pid()));

  struct Node {
    std::uint32_t value;
    std::uint64_t next;
    char name[12];
  };
  struct Arguments {  // as the C compiler lays them out
    std::uint8_t arg1;
    std::uint16_t arg2;
    std::uint32_t arg3;
    std::uint64_t arg4;
    float arg5;
    double arg6;
    char arg7[7], arg8[6];
    Node arg9;
    std::uint64_t arg10;
    std::int8_t arg11;
    std::int64_t arg12;
    int arg13;
    bool arg14;
    char arg15[12];
    unsigned arg16;
  };
  ASSERT_EQ(seen[1].payload.size(), sizeof(Arguments));
  const auto arguments = seen[1].at<Arguments>(0);
  EXPECT_EQ(arguments.arg1, 1);
  EXPECT_EQ(arguments.arg2, 2);
  EXPECT_EQ(arguments.arg3, 3U);
  EXPECT_EQ(arguments.arg4, 4U);
  EXPECT_EQ(arguments.arg5, 5.5F);
  EXPECT_EQ(arguments.arg6, 6.5);
  EXPECT_STREQ(arguments.arg7, "seven");
  EXPECT_STREQ(arguments.arg8, "eight");
  EXPECT_EQ(arguments.arg9.value, 1U);
  EXPECT_STREQ(arguments.arg9.name, "head");
  EXPECT_EQ(arguments.arg10, host.catalog().marks.at("head").wire.variable);
  EXPECT_EQ(arguments.arg11, -11);
  EXPECT_EQ(arguments.arg12, -12);
  EXPECT_EQ(arguments.arg13, 'd');
  EXPECT_TRUE(arguments.arg14);
  EXPECT_STREQ(arguments.arg15, "tail");
  EXPECT_EQ(arguments.arg16, 16U);
}

TEST(GuestFire, FiresOneInSoMany) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat", .sample = 10}), 0U);
  ASSERT_EQ(subject.tell("fire 95"), "ok");
  const auto seen = host.drain();
  ASSERT_EQ(seen.size(), 10U);
  for (std::uint64_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].at<std::uint64_t>(0), i * 10);
}

TEST(GuestFire, CountsWhatAFullRingDrops) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  ASSERT_EQ(subject.tell("fire 5000"), "ok");
  const auto seen = host.drain();
  EXPECT_EQ(seen.size(), 1024U);
  EXPECT_EQ(host.losses(false), 5000U - 1024U);
  ASSERT_EQ(subject.tell("fire 1"), "ok");
  const auto next = host.drain();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].lost, 5000U - 1024U);
}

TEST(GuestFire, WakesAHostThatSleeps) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  std::size_t total = 0;
  for (int i = 0; i < 200; ++i) {
    subject.send("fire 1");
    total += host.drain_until(count_is(1)).size();
    ASSERT_EQ(subject.answer(), "ok");
  }
  EXPECT_EQ(total, 200U);
}

TEST(GuestFire, IsNoCancellationPointWhenItWakesAHost) {
#ifdef VMITAP_SANITIZED
  GTEST_SKIP() << "a thread that is cancelled leaves the sanitizer's marks on its stack";
#endif
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  host.consumer().prepare_sleep();
  EXPECT_EQ(subject.tell("cancelled"), "1 1");
  std::uint64_t rung = 0;
  EXPECT_EQ(read(host.doorbell(), &rung, sizeof rung), static_cast<ssize_t>(sizeof rung));
  host.consumer().cancel_sleep();
  EXPECT_EQ(host.drain().size(), 1U);
}

TEST(GuestFire, KeepsEachThreadsOrder) {
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kEach = 20000;
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  subject.send("threads 8 20000");
  std::uint64_t lost = 0;
  const auto seen = host.drain_until([&](const std::vector<Seen>& so_far) {
    lost = host.losses(false);
    return so_far.size() + lost >= kThreads * kEach;
  });
  ASSERT_EQ(subject.answer(), "ok");
  ASSERT_EQ(seen.size() + lost, kThreads * kEach);
  std::map<std::uint32_t, std::uint64_t> next;
  std::map<std::uint32_t, std::uint32_t> owner;
  for (const Seen& record : seen) {
    const auto thread = record.at<std::uint32_t>(8);
    next[thread] += record.lost;
    ASSERT_EQ(record.at<std::uint64_t>(0), next[thread]++) << "thread " << thread;
    owner.emplace(thread, record.owner);
    ASSERT_EQ(owner[thread], record.owner);
  }
}

TEST(GuestFire, CountsThreadsThatFindNoRing) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat"}), 0U);
  ASSERT_EQ(subject.tell("threads 70 10"), "ok");
  EXPECT_EQ(host.drain().size(), 640U);
  EXPECT_EQ(host.losses(true), 60U);
  EXPECT_EQ(host.losses(false), 0U);
  // The threads are gone and have given their rings back, again and again.
  for (int round = 0; round < 5; ++round) {
    ASSERT_EQ(subject.tell("threads 64 10"), "ok");
    ASSERT_EQ(host.drain().size(), 640U) << "round " << round;
  }
  EXPECT_EQ(host.losses(true), 60U);
}

TEST(GuestFire, FiresInSignalHandlersInTheMiddleOfOthers) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(host.arm({.trigger = "beat",
                      .fetches = {at_address(host.catalog().marks.at("large").wire.variable, 1500)}}),
            0U);
  ASSERT_EQ(host.arm({.trigger = "handled"}), 0U);
  subject.send("handlers 2000");
  const auto beat = host.catalog().triggers.at("beat").wire.id;
  std::uint64_t handled = 0;
  std::uint64_t beats = 0;
  std::uint64_t lost = 0;
  host.drain_until([&](const std::vector<Seen>& seen) {
    handled = static_cast<std::uint64_t>(
        std::count_if(seen.begin(), seen.end(), [&](auto& r) { return r.trigger != beat; }));
    beats = seen.size() - handled;
    lost = host.losses(false);
    return handled + lost >= 2000;
  });
  const auto counts = subject.answer();
  const auto rest = host.drain();
  for (const Seen& record : rest) ++(record.trigger == beat ? beats : handled);
  lost = host.losses(false);
  unsigned long fired = 0;
  unsigned long interrupted = 0;
  ASSERT_EQ(std::sscanf(counts.c_str(), "%lu %lu", &fired, &interrupted), 2);
  EXPECT_GE(interrupted, 2000U);
  EXPECT_EQ(beats + handled + lost, fired + interrupted);
  std::vector<ring::Consumer::Latched> errors;
  host.consumer().take_errors(errors);
  EXPECT_TRUE(errors.empty());
}

TEST(GuestFire, CopiesInlineValues) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  const auto mark = [&](const char* name) { return host.catalog().marks.at(name).wire.variable; };
  constexpr std::size_t kArguments = 48;  // struct node *, struct node *, struct node
  ASSERT_EQ(host.catalog().triggers.at("visit").wire.size, kArguments);
  const std::vector<vmitap_fetch> fetches{
      at_address(mark("value_of_tail"), 4),   // 0: a mark
      at_address(mark("list"), 4, {0}),       // 1: list->value
      at_address(mark("list"), 12, {8, 16}),  // 2: list->next->name
      at_address(mark("wild"), 4, {0}),       // 3: wild->value
      at_argument(0, 4, {0}),                 // 4: list->value, by the argument
      at_argument(0, 4, {8, 8, 0}),           // 5: list->next->next->value: null
      at_argument(8, 4, {0}),                 // 6: dangling->value
      at_argument(16, 4),                     // 7: head.value, in the arguments
      at_address(mark("large"), 2000),        // 8: more than a batch, a mark
      at_address(0x2000, 900),                // 9: more than a batch, nowhere
      at_address(UINT64_MAX - 3, 8),          // 10: over the end of all addresses
      at_argument(0, 12, {16}),               // 11: list->name
  };
  ASSERT_EQ(host.arm({.trigger = "visit", .fetches = fetches}), 0U);
  ASSERT_EQ(subject.tell("visit"), "ok");
  const auto seen = host.drain();
  ASSERT_EQ(seen.size(), 1U);
  const Seen& record = seen[0];
  EXPECT_EQ(record.flags, VMITAP_RECORD_INLINE);
  EXPECT_EQ(record.at<std::uint64_t>(kArguments), 0b1001'1001'0111U);
  std::vector<std::size_t> at{kArguments + 8};
  for (const auto& fetch : fetches) at.push_back(at.back() + fetch.size);
  ASSERT_EQ(record.payload.size(), at.back());
  EXPECT_EQ(record.at<std::uint32_t>(at[0]), 3U);
  EXPECT_EQ(record.at<std::uint32_t>(at[1]), 1U);
  EXPECT_STREQ((record.at<std::array<char, 12>>(at[2]).data()), "tail");
  EXPECT_EQ(record.at<std::uint32_t>(at[4]), 1U);
  EXPECT_EQ(record.at<std::uint32_t>(at[7]), 1U);
  for (std::size_t i = 0; i < 2000; ++i) ASSERT_EQ(record.at<std::uint8_t>(at[8] + i), i % 256);
  EXPECT_STREQ((record.at<std::array<char, 12>>(at[11]).data()), "head");
  for (const std::size_t failed : {3U, 5U, 6U, 9U, 10U}) {
    for (std::size_t i = at[failed]; i < at[failed + 1]; ++i)
      ASSERT_EQ(record.payload[i], std::byte{}) << failed;
  }
}

TEST(GuestFire, CopiesManyInlineValues) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  const auto list = host.catalog().marks.at("list").wire.variable;
  const auto wild = host.catalog().marks.at("wild").wire.variable;
  std::vector<vmitap_fetch> fetches;
  std::uint64_t expected = 0;
  for (std::uint64_t i = 0; i < VMITAP_FETCH_MAX; ++i) {
    const bool bad = i % 5 == 4;
    fetches.push_back(at_address(bad ? wild : list, 1 + i % 4, {0}));
    if (!bad) expected |= std::uint64_t{1} << i;
  }
  ASSERT_EQ(host.arm({.trigger = "none", .fetches = fetches}), 0U);
  ASSERT_EQ(subject.tell("kinds"), "ok");
  const auto seen = host.drain();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].at<std::uint64_t>(0), expected);
  std::size_t at = 8;
  for (std::uint64_t i = 0; i < fetches.size(); at += fetches[i].size, ++i)
    ASSERT_EQ(seen[0].at<std::uint8_t>(at), i % 5 == 4 ? 0 : 1) << i;
}

// Values of all sizes by pointers into three pages, of which the middle one cannot be read.
TEST(GuestFire, CopiesWhatCanBeReadAndNothingElse) {
  constexpr std::uint64_t kPage = 4096;
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  const auto pages = host.catalog().marks.at("pages").wire.variable;
  std::mt19937 engine(11);  // the same values each time
  const auto random = [&engine](std::uint64_t below) { return engine() % below; };
  for (int round = 0; round < 300; ++round) {
    struct Value {
      std::uint64_t offset;
      std::uint32_t size;
    };
    std::vector<Value> values(1 + random(VMITAP_FETCH_MAX));
    std::vector<vmitap_fetch> fetches;
    std::uint64_t near = random(3 * kPage - 2000);
    std::uint64_t room = 14000;
    for (Value& value : values) {
      if (random(4) == 0) near = random(3 * kPage - 2000);
      value.offset = near + random(200);
      value.size = static_cast<std::uint32_t>(std::min(room, random(10) == 0 ? random(1500) : random(40)));
      room -= value.size;
      fetches.push_back(at_address(pages, value.size, {static_cast<std::int64_t>(value.offset)}));
    }
    ASSERT_EQ(host.arm({.trigger = "none", .fetches = fetches}), 0U);
    ASSERT_EQ(subject.tell("kinds"), "ok");
    const auto seen = host.drain();
    ASSERT_EQ(seen.size(), 1U);
    const auto status = seen[0].at<std::uint64_t>(0);
    std::size_t at = 8;
    for (std::size_t i = 0; i < values.size(); at += values[i].size, ++i) {
      const auto [offset, size] = values[i];
      if (size == 0) continue;  // neither readable nor not
      const bool readable = offset + size <= kPage || offset >= 2 * kPage;
      ASSERT_EQ((status >> i) & 1, readable ? 1U : 0U)
          << "round " << round << " value " << i << ": " << size << " at " << offset;
      for (std::uint32_t k = 0; k < size; ++k)
        ASSERT_EQ(seen[0].at<std::uint8_t>(at + k), readable ? (offset + k) * 7 % 251 : 0U);
    }
    ASSERT_EQ(at, seen[0].payload.size());
  }
}

// Plans change under the feet of threads that fire them.
TEST(GuestFire, SwapsPlansUnderFire) {
  Subject subject;
  TestHost host(subject.pid());
  ASSERT_EQ(host.attach(), 0U);
  ASSERT_EQ(subject.tell("background 3"), "ok");
  const auto list = host.catalog().marks.at("list").wire.variable;
  for (std::uint32_t i = 0; i < 500; ++i) {
    const std::vector<vmitap_fetch> fetches(i % 7, at_address(list, 4, {0}));
    std::uint32_t reason = 0;
    do reason = host.arm({.trigger = "pulse", .fetches = fetches});
    while (reason == VMITAP_REFUSED_MEMORY);
    ASSERT_EQ(reason, 0U);
    if (i % 3 == 0) {
      ASSERT_EQ(host.disarm("pulse"), 0U);
    }
    for (const Seen& record : host.drain()) {
      const std::size_t extra = record.payload.size() - 8;
      ASSERT_TRUE(extra == 0 || (extra - 8) % 4 == 0);
      for (std::size_t at = 16; at < record.payload.size(); at += 4)
        ASSERT_EQ(record.at<std::uint32_t>(at), 1U);
    }
  }
  EXPECT_EQ(subject.tell("fire 1"), "ok");
}

}  // namespace
}  // namespace vmitap::test
