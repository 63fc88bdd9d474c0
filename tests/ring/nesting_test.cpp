// SPDX-License-Identifier: MIT
// Signal handlers that fire on the ring whose producer they interrupt: first at every step, then for real.
#include "steps.hpp"

// The producer's header must see the steps.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

constexpr std::uint32_t kSlots = 16;
constexpr int kSteps = 12;  // no fewer than a record takes, full ring and drop included

std::uint32_t trigger_of(const Copied& copied) { return copied.record.trigger; }

TEST(RingNesting, AHandlerAtAnyStepCommitsBeforeTheRecordItInterrupts) {
  for (int at = 0; at <= kSteps; ++at) {
    SCOPED_TRACE(at);
    Regions regions(1, kSlots);
    Consumer consumer = regions.open();
    const auto outer = pattern(150, 1);
    const auto inner = pattern(90, 2);
    run_with([&] { EXPECT_NE(push(regions.producer(), outer, 1), Pushed::dropped); },
             {{at, [&] { EXPECT_NE(push(regions.producer(), inner, 2), Pushed::dropped); }}});
    const auto records = drain_all(consumer);
    ASSERT_EQ(records.size(), 2U);
    for (const auto& copied : records) EXPECT_EQ(copied.payload, trigger_of(copied) == 1 ? outer : inner);
    EXPECT_EQ(consumer.unfinished(), 0U);
  }
}

TEST(RingNesting, TheHostWaitsForTheOuterRecordAndThenHasBoth) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  vmitap_record outer;
  ASSERT_TRUE(vmitap_reserve(&regions.producer(), &outer, 8));
  push_value(regions.producer(), 1, 2);
  EXPECT_TRUE(drain_all(consumer).empty());
  EXPECT_TRUE(errors_of(consumer).empty());
  vmitap_commit(&outer, 1, 0, 0);
  const auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(trigger_of(records[0]), 1U);
  EXPECT_EQ(trigger_of(records[1]), 2U);
}

TEST(RingNesting, AStaleHeadIsNotTakenForAFullRing) {
  // The handler fills the ring and the host empties it, between the outer load of head and its use.
  for (int at = 0; at <= kSteps; ++at) {
    for (const std::uint32_t burst : {1U, kSlots - 1, kSlots, kSlots + 1, 5 * kSlots}) {
      SCOPED_TRACE(std::to_string(at) + " " + std::to_string(burst));
      Regions regions(1, kSlots);
      Consumer consumer = regions.open();
      std::uint64_t consumed = 0;
      std::uint64_t produced = 0;
      bool outer = false;
      bool drained = false;
      run_with([&] { outer = push_value(regions.producer(), 0) != Pushed::dropped; },
               {{at, [&] {
                   for (std::uint32_t i = 0; i < burst; ++i) {
                     produced += push_value(regions.producer(), i) != Pushed::dropped;
                     const std::size_t got = drain_all(consumer).size();
                     consumed += got;
                     drained |= got > 0;
                   }
                 }}});
      produced += outer;
      consumed += drain_all(consumer).size();
      EXPECT_EQ(consumed, produced);
      EXPECT_EQ(regions.state().drops, burst + 1 - produced);
      // With the ring empty when the outer one looked, there is no reason to drop it.
      if (drained) {
        EXPECT_TRUE(outer);
      }
    }
  }
}

void drops_are_told_once(int at, std::uint32_t filled, std::uint32_t burst, bool host_comes_first) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  std::uint64_t fired = 0;
  std::uint64_t pushed = 0;
  std::uint64_t told = 0;
  const auto fire = [&] {
    ++fired;
    pushed += push_value(regions.producer(), 1) != Pushed::dropped;
  };
  const auto drain = [&] { return consumer.drain(1000, [&](const Record& record) { told += record.lost; }); };
  std::uint64_t consumed = 0;
  for (std::uint32_t i = 0; i < filled + 2; ++i) fire();
  // Then the outer one finds room, and takes what was lost.
  if (host_comes_first) consumed += drain();
  run_with(fire, {{at, [&] {
                     for (std::uint32_t i = 0; i < burst; ++i) fire();
                   }}});
  consumed += drain();
  fire();
  consumed += drain();
  EXPECT_EQ(consumed, pushed);
  EXPECT_EQ(regions.state().drops, fired - pushed);
  EXPECT_EQ(told, fired - pushed);  // the last record found room, and told the rest
}

TEST(RingNesting, DropsOfHandlersAreToldOnce) {
  for (int at = 0; at <= kSteps; ++at) {
    for (std::uint32_t filled = kSlots - 3; filled <= kSlots; ++filled) {
      for (const std::uint32_t burst : {1U, 2 * kSlots}) {
        for (const bool host_comes_first : {false, true}) {
          SCOPED_TRACE(testing::Message() << at << ' ' << filled << ' ' << burst << ' ' << host_comes_first);
          drops_are_told_once(at, filled, burst, host_comes_first);
        }
      }
    }
  }
}

// ------------------------------------------------------------------ a timer that interrupts for real

struct Payload {
  std::uint32_t source;  // 0: the thread, 1: its handler
  std::uint32_t number;
  std::uint64_t check[12];  // of 104 bytes: two slots
};

Payload make(std::uint32_t source, std::uint32_t number) {
  Payload payload{.source = source, .number = number, .check = {}};
  for (std::uint64_t& word : payload.check) word = std::uint64_t{number} << 1 | source;
  return payload;
}

vmitap_producer* handler_producer;
std::atomic<std::uint32_t> handler_fires;
std::atomic<std::uint32_t> handler_drops;

void on_timer(int) {
  for (int i = 0; i < 3; ++i) {
    const std::uint32_t number = handler_fires.load(std::memory_order_relaxed);
    handler_fires.store(number + 1, std::memory_order_relaxed);
    if (push_value(*handler_producer, make(1, number)) == Pushed::dropped)
      handler_drops.store(handler_drops.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

TEST(RingNesting, ATimerThatFiresOnTheProducingThread) {
  constexpr std::uint32_t kHandlerFires = 3000;
  Regions regions(1, 64);
  Consumer consumer = regions.open();
  handler_producer = &regions.producer();
  handler_fires = 0;
  handler_drops = 0;
  std::atomic<bool> done{false};
  std::uint32_t fires = 0;
  std::uint32_t drops = 0;

  std::thread guest([&] {
    struct sigaction action {};
    action.sa_handler = on_timer;
    sigaction(SIGRTMIN, &action, nullptr);
    struct sigevent event {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMIN;
    event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
    timer_t timer;
    ASSERT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    const itimerspec often{.it_interval = {0, 20'000}, .it_value = {0, 20'000}};
    ASSERT_EQ(timer_settime(timer, 0, &often, nullptr), 0);
    while (handler_fires.load(std::memory_order_relaxed) < kHandlerFires)
      drops += push_value(regions.producer(), make(0, fires++)) == Pushed::dropped;
    timer_delete(timer);
    sigset_t timers;
    sigemptyset(&timers);
    sigaddset(&timers, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &timers, nullptr);
    done.store(true, std::memory_order_release);
  });

  std::uint64_t consumed = 0;
  std::uint64_t told = 0;
  std::uint64_t bad = 0;
  std::map<std::uint32_t, std::uint32_t> next;
  for (bool last = false; !last;) {
    last = done.load(std::memory_order_acquire);
    while (consumer.drain(1000, [&](const Record& record) {
      Payload payload;
      ASSERT_EQ(record.payload.size(), sizeof payload);
      std::memcpy(&payload, record.payload.data(), sizeof payload);
      const Payload expected = make(payload.source, payload.number);
      bad += std::memcmp(&payload, &expected, sizeof payload) != 0;
      bad += payload.number < next[payload.source];
      next[payload.source] = payload.number + 1;
      ++consumed;
      told += record.lost;
    }) > 0) {
    }
  }
  guest.join();
  EXPECT_EQ(bad, 0U);
  EXPECT_TRUE(errors_of(consumer).empty());
  EXPECT_EQ(consumer.unfinished(), 0U);
  EXPECT_EQ(consumed + drops + handler_drops, std::uint64_t{fires} + handler_fires);
  EXPECT_EQ(regions.state().drops, drops + handler_drops);
  EXPECT_EQ(told + regions.producer().lost, regions.state().drops);
}

}  // namespace
}  // namespace vmitap::ring::test
