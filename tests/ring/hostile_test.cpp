// SPDX-License-Identifier: MIT
// A guest that scribbles over its region while it is read. What comes out may be nonsense; what must
// hold is that every call returns, stays inside the regions (asan), and that what it hands over is in range.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

constexpr std::uint32_t kSlots = 16;
constexpr std::uint32_t kRings = 70;

void expect_in_range(const Record& record, std::uint64_t& sum) {
  ASSERT_LT(record.ring, kRings);
  ASSERT_LE(record.payload.size(), vmitap_payload_max(kSlots));
  for (const std::byte byte : record.payload) sum += std::to_integer<std::uint64_t>(byte);
}

void host_round(Consumer& consumer, std::uint64_t& sum) {
  ASSERT_LE(consumer.drain(500, [&](const Record& record) { expect_in_range(record, sum); }), 500U);
  consumer.prepare_sleep();
  sum += consumer.pending() ? 1U : 0U;
  consumer.cancel_sleep();
  sum += losses_of(consumer).size() + consumer.unfinished();
  for (std::uint32_t ring = 0; ring < consumer.ring_count(); ring += 7) {
    consumer.answer_sync(ring, sum);
    sum += consumer.sync_abandoned(ring, sum) ? 1U : 0U;
    sum += consumer.needs_wake(ring) ? 1U : 0U;
  }
}

// Writes what a ring may hold, a little wrong: values near the right ones get further than noise.
class Scribbler {
 public:
  explicit Scribbler(Regions& regions, std::uint32_t seed) : regions_(regions), random_(seed) {}

  void scribble() {
    const std::uint32_t ring = static_cast<std::uint32_t>(random_() % kRings);
    vmitap_slot_first& slot = regions_.slot(random_() % kSlots, ring).first;
    switch (random_() % 8) {
      case 0:
        store(slot.commit, static_cast<std::uint32_t>(random_() % 16));
        break;
      case 1:
        store(slot.size, static_cast<std::uint16_t>(random_() % 256));
        break;
      case 2:
        store(slot.slots, static_cast<std::uint8_t>(random_() % 8));
        break;
      case 3:
        store(regions_.state(ring).head, random_() % 64);
        break;
      case 4:
        store(regions_.active_word(ring), random_());
        break;
      case 5: {
        const auto region = regions_.guest();
        const std::size_t offset = random_() % (region.size() / 8) * 8;
        store(*reinterpret_cast<std::uint64_t*>(region.data() + offset), random_());
        break;
      }
      case 6:
        store(regions_.state(ring).drops, random_());
        break;
      default:
        push(regions_.producer(ring), pattern(random_() % 220));
    }
  }

 private:
  template <class T>
  static void store(T& to, T value) {
    __atomic_store_n(&to, value, __ATOMIC_RELAXED);
  }
  Regions& regions_;
  std::mt19937_64 random_;
};

TEST(RingHostile, ScribblesBetweenDrains) {
  std::uint64_t sum = 0;
  std::size_t latched = 0;
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    Regions regions(kRings, kSlots);
    Consumer consumer = regions.open();
    Scribbler guest(regions, seed);
    for (int round = 0; round < 100; ++round) {
      for (int i = 0; i < 10; ++i) guest.scribble();
      host_round(consumer, sum);
    }
    latched += errors_of(consumer).size();
  }
  EXPECT_GT(latched, 60U);
}

TEST(RingHostile, ScribblesWhileBeingRead) {
  std::uint64_t sum = 0;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    Regions regions(kRings, kSlots);
    Consumer consumer = regions.open();
    std::atomic<bool> stop{false};
    std::thread guest([&] {
      Scribbler scribbler(regions, seed);
      while (!stop.load(std::memory_order_relaxed)) scribbler.scribble();
    });
    for (int round = 0; round < 500; ++round) host_round(consumer, sum);
    stop = true;
    guest.join();
  }
}

TEST(RingHostile, AGuestThatNeverStopsCommittingCannotHoldTheHost) {
  Regions regions(2, kSlots);
  Consumer consumer = regions.open();
  push_value(regions.producer(1), 5);
  // Each record that is read makes the next one appear.
  std::size_t seen = 0;
  std::size_t others = 0;
  push_value(regions.producer(0), 1);
  const std::size_t got = consumer.drain(10'000, [&](const Record& record) {
    ++seen;
    others += record.ring == 1;
    vmitap_slot_first& slot = regions.slot(record.position + 1).first;
    slot = {.commit = vmitap_commit_word(&regions.producer(), record.position + 1),
            .size = 0,
            .slots = 1,
            .flags = 0,
            .tsc = 0,
            .trigger = 0,
            .lost = 0,
            .payload = {}};
  });
  EXPECT_EQ(got, 10'000U);
  EXPECT_EQ(seen, 10'000U);
  EXPECT_EQ(others, 1U);
}

TEST(RingHostile, ToggledBitsWakeAndNoMore) {
  Regions regions(kRings, kSlots);
  Consumer consumer = regions.open();
  for (int i = 0; i < 1000; ++i) {
    regions.active_word(0) = ~regions.active_word(0);
    regions.active_word(64) = ~regions.active_word(64);
    EXPECT_EQ(drain_all(consumer).size(), 0U);
    consumer.prepare_sleep();
    (void)consumer.pending();
    consumer.cancel_sleep();
  }
  push_value(regions.producer(69), 1);
  regions.active_word(0) = ~regions.active_word(0);
  consumer.prepare_sleep();
  EXPECT_TRUE(consumer.pending());
  consumer.cancel_sleep();
  EXPECT_EQ(drain_all(consumer).size(), 1U);
}

TEST(RingHostile, SnapshotsOfNoiseAreRefusedOrReadable) {
  // Regions of noise behind a header that is right here and there.
  std::mt19937_64 random(1);
  std::uint64_t sum = 0;
  int opened = 0;
  for (int i = 0; i < 3000; ++i) {
    Regions regions(2, kSlots);
    auto* words = reinterpret_cast<std::uint64_t*>(regions.guest().data());
    const std::size_t count = regions.guest().size() / 8;
    for (int change = 0; change < 20; ++change)
      words[random() % 32 == 0 ? random() % 8 : random() % count] ^= 1ULL << random() % 64;
    auto result = Consumer::open(regions.guest(), regions.host());
    if (auto* consumer = std::get_if<Consumer>(&result)) {
      ++opened;
      for (int round = 0; round < 5; ++round) {
        consumer->drain(100, [&](const Record& record) { sum += record.payload.size(); });
        consumer->prepare_sleep();
        sum += consumer->pending() ? 1U : 0U;
        consumer->cancel_sleep();
      }
    }
  }
  EXPECT_GT(opened, 0);
}

}  // namespace
}  // namespace vmitap::ring::test
