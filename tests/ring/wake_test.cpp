// SPDX-License-Identifier: MIT
// Commit against arm, recheck and sleep: every interleaving of their steps, and so both winners of
// each race. Here the memory is sequentially consistent, as the fence between prepare_sleep() and
// pending() makes it for the accesses that matter; stress_test.cpp runs the real fence.
#include "steps.hpp"

// The producer's header must see the steps.
#include <gtest/gtest.h>

#include <random>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

constexpr std::uint32_t kSlots = 16;

// Every way to place `count` host actions, in their order, among the steps of one body.
template <class Run>
void for_every_placement(std::size_t count, int steps, const Run& run) {
  std::vector<int> at(count, 0);
  for (;;) {
    run(at);
    // The next non-decreasing sequence of 0..steps.
    std::size_t place = count;
    while (place > 0 && at[place - 1] == steps) --place;
    if (place == 0) return;
    const int value = at[place - 1] + 1;
    for (std::size_t i = place - 1; i < count; ++i) at[i] = value;
  }
}

struct Outcome {
  bool notified = false;
  bool pending = false;
};

constexpr int kCommitSteps = 7;  // of a commit that finds its ring armed

TEST(RingWake, NoPlacementOfArmingAndRecheckLosesACommit) {
  int woken_by_notify = 0;
  int woken_by_recheck = 0;
  for_every_placement(2, kCommitSteps + 1, [&](const std::vector<int>& at) {
    Regions regions(1, kSlots);
    Consumer consumer = regions.open();
    push_value(regions.producer(), 0);
    ASSERT_EQ(drain_all(consumer).size(), 1U);  // the ring is awake
    Outcome outcome;
    run_with(
        [&] { outcome.notified = push_value(regions.producer(), 1) == Pushed::notify; },
        {{at[0], [&] { consumer.prepare_sleep(); }}, {at[1], [&] { outcome.pending = consumer.pending(); }}});
    // Asleep on the doorbell, nobody rang, and a record stands there: that is what must not be.
    EXPECT_TRUE(outcome.notified || outcome.pending) << at[0] << ' ' << at[1];
    woken_by_notify += outcome.notified && !outcome.pending;
    woken_by_recheck += outcome.pending && !outcome.notified;
    consumer.cancel_sleep();
    EXPECT_EQ(drain_all(consumer).size(), 1U) << at[0] << ' ' << at[1];
  });
  EXPECT_GT(woken_by_notify, 0);
  EXPECT_GT(woken_by_recheck, 0);
}

// The same while the ring is idle, that is, only its active bit is looked at.
TEST(RingWake, NoPlacementOfSleepLosesTheActiveBit) {
  int woken_by_notify = 0;
  int woken_by_bit = 0;
  for_every_placement(2, kCommitSteps + 1, [&](const std::vector<int>& at) {
    Regions regions(1, kSlots);
    Consumer consumer = regions.open();
    consumer.prepare_sleep();
    ASSERT_FALSE(consumer.pending());
    consumer.cancel_sleep();
    Outcome outcome;
    run_with(
        [&] { outcome.notified = push_value(regions.producer(), 1) == Pushed::notify; },
        {{at[0], [&] { consumer.prepare_sleep(); }}, {at[1], [&] { outcome.pending = consumer.pending(); }}});
    EXPECT_TRUE(outcome.notified || outcome.pending) << at[0] << ' ' << at[1];
    woken_by_notify += outcome.notified && !outcome.pending;
    woken_by_bit += outcome.pending && !outcome.notified;
    consumer.cancel_sleep();
    EXPECT_EQ(drain_all(consumer).size(), 1U) << at[0] << ' ' << at[1];
  });
  EXPECT_GT(woken_by_notify, 0);
  EXPECT_GT(woken_by_bit, 0);
}

TEST(RingWake, ACommitThatSawTheOldArmingIsFoundBeforeTheNextFence) {
  // The store of `armed` is late in reaching the producer, and no fence hurries it: as if it read 0.
  Regions regions(2, kSlots);
  Consumer consumer = regions.open();
  push_value(regions.producer(), 0);
  drain_all(consumer);
  // Ring 1 keeps the host busy until it leaves ring 0 alone.
  const std::uint32_t before = regions.control().armed;
  for (int i = 0; regions.control().armed == before; ++i) {
    ASSERT_LT(i, 1000);
    push_value(regions.producer(1), i);
    drain_all(consumer);
  }
  const std::uint32_t armed = std::exchange(regions.control().armed, before);
  const std::uint64_t word = regions.active_word();
  ASSERT_EQ(push_value(regions.producer(), 1), Pushed::quiet);
  ASSERT_EQ(regions.active_word(), word);
  regions.control().armed = armed;
  std::size_t found = 0;
  for (std::uint32_t i = 0; i < consumer.ring_count(); ++i) {
    push_value(regions.producer(1), i);
    for (const auto& copied : drain_all(consumer)) found += copied.record.ring == 0;
  }
  EXPECT_EQ(found, 1U);
}

TEST(RingWake, IdleRingsAreNotLookedAt) {
  Regions regions(2, kSlots);
  Consumer consumer = regions.open();
  consumer.prepare_sleep();
  ASSERT_FALSE(consumer.pending());
  consumer.cancel_sleep();
  // A record without its bit cannot be found any more, and so nobody looked.
  const std::uint64_t word = regions.active_word();
  push_value(regions.producer(), 1);
  const std::uint64_t woken = std::exchange(regions.active_word(), word);
  ASSERT_NE(woken, word);
  for (int i = 0; i < 1000; ++i) {
    push_value(regions.producer(1), i);
    const std::uint64_t both = regions.active_word();
    regions.active_word() = (both & ~1ULL) | (word & 1);
    ASSERT_EQ(drain_all(consumer).size(), 1U);
  }
  regions.active_word() ^= 1;
  EXPECT_EQ(drain_all(consumer).size(), 1U);
}

TEST(RingWake, AwakeRingsCostNoNotification) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  push_value(regions.producer(), 0);
  drain_all(consumer);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t word = regions.active_word();
    ASSERT_EQ(push_value(regions.producer(), i), Pushed::quiet);
    ASSERT_EQ(regions.active_word(), word);
    ASSERT_EQ(drain_all(consumer).size(), 1U);
  }
}

TEST(RingWake, OneNotificationAnArming) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  for (int round = 0; round < 10; ++round) {
    consumer.prepare_sleep();
    ASSERT_FALSE(consumer.pending());
    EXPECT_EQ(push_value(regions.producer(), 1), Pushed::notify);
    EXPECT_EQ(push_value(regions.producer(), 2), Pushed::quiet);
    EXPECT_EQ(push_value(regions.producer(), 3), Pushed::quiet);
    consumer.cancel_sleep();
    EXPECT_EQ(drain_all(consumer).size(), 3U);
  }
}

TEST(RingWake, ALateHostAndALateProducerStartAnywhere) {
  // Whatever an earlier host left in the armed words and the active bits.
  for (const std::uint32_t armed : {0U, 1U, 2U, 0xfffffffeU, 0xffffffffU}) {
    for (const std::uint64_t bit : {0ULL, 1ULL}) {
      for (const bool late_producer : {false, true}) {
        Regions regions(1, kSlots);
        regions.control().armed = armed;
        regions.active_word() = bit;
        if (!late_producer)
          vmitap_producer_init(&regions.producer(), &regions.header(), regions.guest().data(),
                               regions.host().data(), 0);
        Consumer consumer = regions.open();
        if (late_producer)
          vmitap_producer_init(&regions.producer(), &regions.header(), regions.guest().data(),
                               regions.host().data(), 0);
        for (int round = 0; round < 5; ++round) {
          consumer.prepare_sleep();
          bool pending = consumer.pending();
          const bool notified = push_value(regions.producer(), round) == Pushed::notify;
          EXPECT_TRUE(pending || notified);
          consumer.cancel_sleep();
          EXPECT_EQ(drain_all(consumer).size(), 1U) << armed << ' ' << bit << ' ' << round;
        }
      }
    }
  }
}

TEST(RingWake, TheNextHostOfARunningGuest) {
  Regions regions(1, kSlots);
  for (int host = 0; host < 20; ++host) {
    Consumer consumer = regions.open();
    for (int round = 0; round < host % 4; ++round) {
      consumer.prepare_sleep();
      ASSERT_FALSE(consumer.pending());
      ASSERT_EQ(push_value(regions.producer(), round), Pushed::notify);
      consumer.cancel_sleep();
      ASSERT_EQ(drain_all(consumer).size(), 1U);
    }
    consumer.prepare_sleep();  // and dies asleep, or (odd) with a record unread
    if (host % 2 == 1) push_value(regions.producer(), 99);
  }
}

// ------------------------------------------------------------------ random schedules

// Producer and host take turns at random, step by step; signal handlers fire in the producer at any of
// its steps, up to three deep. The host may fall asleep only with nothing to read or the bell rung.
class Schedule {
 public:
  explicit Schedule(std::uint32_t seed) : random_(seed), regions_(2, kSlots), consumer_(regions_.open()) {}

  void run() {
    on_step = [this](VmitapStep) {
      host_moves();
      if (depth_ < 3 && chance(8)) fire();
    };
    for (int i = 0; i < 40; ++i) {
      fire();
      host_moves();
    }
    on_step = nullptr;
    settle();
  }

 private:
  bool chance(unsigned one_in) { return random_() % one_in == 0; }

  void fire() {
    ++depth_;
    vmitap_record record;
    // A handler runs on the thread, and so fires on the ring, that it interrupts.
    if (depth_ == 1) ring_ = chance(4) ? 1 : 0;
    vmitap_producer& mine = regions_.producer(ring_);
    const std::uint32_t size = chance(4) ? 41 : 8;
    if (vmitap_reserve(&mine, &record, size)) {
      if (vmitap_commit(&record, 1, 0, 0)) rung_ = true;
      ++produced_;
    } else {
      ++dropped_;
    }
    --depth_;
  }

  void host_moves() {
    while (chance(3)) {
      switch (state_) {
        case Host::awake:
          if (chance(3)) {
            consumer_.prepare_sleep();
            state_ = Host::prepared;
          } else {
            drain(1 + random_() % 8);
          }
          break;
        case Host::prepared:
          if (consumer_.pending()) {
            consumer_.cancel_sleep();
            state_ = Host::awake;
          } else {
            state_ = Host::asleep;
          }
          break;
        case Host::asleep:
          if (!rung_) return;
          rung_ = false;
          consumer_.cancel_sleep();
          state_ = Host::awake;
          break;
      }
    }
  }

  std::size_t drain(std::size_t max) {
    return consumer_.drain(max, [this](const Record& record) {
      ++consumed_;
      lost_ += record.lost;
    });
  }

  // No more records: asleep with something left is a lost wake-up.
  void settle() {
    if (state_ == Host::prepared) state_ = consumer_.pending() ? Host::awake : Host::asleep;
    if (state_ == Host::asleep && !rung_) {
      ASSERT_EQ(consumed_, produced_) << "asleep beside a record";
      return;
    }
    consumer_.cancel_sleep();
    while (drain(100) > 0) {
    }
    ASSERT_EQ(consumed_, produced_);
    ASSERT_TRUE(errors_of(consumer_).empty());
    std::uint64_t told = 0;
    for (const auto& loss : losses_of(consumer_)) told += loss.count;
    ASSERT_EQ(told, dropped_);
    ASSERT_EQ(lost_ + regions_.producer(0).lost + regions_.producer(1).lost, dropped_);
  }

  enum class Host { awake, prepared, asleep };
  std::mt19937 random_;
  Regions regions_;
  Consumer consumer_;
  std::uint32_t ring_ = 0;
  Host state_ = Host::awake;
  bool rung_ = false;
  int depth_ = 0;
  std::uint64_t produced_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t lost_ = 0;
};

TEST(RingWake, RandomSchedulesWithNestedHandlersLoseNothing) {
  for (std::uint32_t seed = 0; seed < 5000 && !testing::Test::HasFatalFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Schedule(seed).run();
  }
}

}  // namespace
}  // namespace vmitap::ring::test
