// SPDX-License-Identifier: MIT
// The ring against a queue: random operations, and after each one both must agree.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <random>
#include <utility>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

struct Expected {
  std::uint32_t trigger;
  std::uint64_t tsc;
  std::uint32_t lost;
  std::uint8_t flags;
  std::uint64_t position;
  std::vector<std::byte> payload;
};

// What one ring should do, in the simplest words.
struct ModelRing {
  std::deque<Expected> queue;
  std::uint64_t head = 0;
  std::uint64_t tail = 0;       // of what was read
  std::uint64_t published = 0;  // of what the producer may know to be free
  std::uint64_t drops = 0;
  std::uint32_t lost = 0;
};

class Model {
 public:
  Model(std::uint32_t seed, std::uint32_t rings, std::uint32_t slots, std::uint64_t start)
      : random_(seed), slots_(slots), regions_(rings, slots), rings_(rings) {
    regions_.start_at(start);
    for (auto& ring : rings_) ring.head = ring.tail = ring.published = start;
    consumer_.emplace(regions_.open());
  }

  void run(int operations) {
    for (int i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
      switch (random_() % 8) {
        case 0:
          drain(random_() % 20);
          break;
        case 1:
          if (random_() % 4 == 0) sleep();
          break;
        case 2:
          if (random_() % 32 == 0) losses();
          break;
        default:
          push_one();
      }
    }
    drain(1'000'000);
    for (const auto& ring : rings_) EXPECT_TRUE(ring.queue.empty());
    EXPECT_TRUE(errors_of(*consumer_).empty());
    losses();
  }

 private:
  void push_one() {
    const std::uint32_t index = static_cast<std::uint32_t>(random_() % rings_.size());
    ModelRing& ring = rings_[index];
    const std::uint32_t max = vmitap_payload_max(slots_);
    const std::uint32_t sizes[] = {0,   40,  41,      100,
                                   101, max, max + 1, static_cast<std::uint32_t>(random_() % max)};
    const std::uint32_t size = sizes[random_() % std::size(sizes)];
    Expected record{.trigger = static_cast<std::uint32_t>(random_()),
                    .tsc = random_(),
                    .lost = ring.lost,
                    .flags = static_cast<std::uint8_t>(random_() % 4),
                    .position = ring.head,
                    .payload = pattern(size, static_cast<std::uint32_t>(random_() % 256))};
    const std::uint64_t needed = size <= 40 ? 1 : 1 + (size - 40 + 59) / 60;
    const bool fits = size <= max && ring.head + needed - ring.published <= slots_;
    const Pushed pushed =
        push(regions_.producer(index), record.payload, record.trigger, record.flags, record.tsc);
    ASSERT_EQ(pushed != Pushed::dropped, fits);
    if (fits) {
      ring.head += needed;
      ring.lost = 0;
      ring.queue.push_back(std::move(record));
    } else {
      ++ring.lost;
      ++ring.drops;
    }
  }

  void drain(std::size_t max) {
    std::size_t standing = 0;
    for (const auto& ring : rings_) standing += ring.queue.size();
    const std::size_t got = consumer_->drain(max, [this](const Record& record) {
      ModelRing& ring = rings_.at(record.ring);
      ASSERT_FALSE(ring.queue.empty());
      const Expected& expected = ring.queue.front();
      EXPECT_EQ(record.trigger, expected.trigger);
      EXPECT_EQ(record.tsc, expected.tsc);
      EXPECT_EQ(record.lost, expected.lost);
      EXPECT_EQ(record.flags, expected.flags);
      EXPECT_EQ(record.position, expected.position);
      EXPECT_TRUE(std::ranges::equal(record.payload, expected.payload));
      ring.tail = expected.position +
                  (expected.payload.size() <= 40 ? 1 : 1 + (expected.payload.size() - 40 + 59) / 60);
      ring.queue.pop_front();
    });
    EXPECT_EQ(got, std::min(max, standing));
    for (std::size_t i = 0; i < rings_.size(); ++i) {
      rings_[i].published = rings_[i].tail;
      EXPECT_EQ(regions_.control(static_cast<std::uint32_t>(i)).tail, rings_[i].tail);
    }
  }

  void sleep() {
    consumer_->prepare_sleep();
    std::size_t standing = 0;
    for (const auto& ring : rings_) standing += ring.queue.size();
    const bool pending = consumer_->pending();
    if (standing > 0) {
      EXPECT_TRUE(pending);
    }
    consumer_->cancel_sleep();
  }

  void losses() {
    std::vector<std::uint64_t> drops(rings_.size());
    for (const auto& loss : losses_of(*consumer_)) drops.at(loss.ring) += loss.count;
    for (std::size_t i = 0; i < rings_.size(); ++i) EXPECT_EQ(drops[i], std::exchange(rings_[i].drops, 0));
  }

  std::mt19937_64 random_;
  std::uint32_t slots_;
  Regions regions_;
  std::vector<ModelRing> rings_;
  std::optional<Consumer> consumer_;
};

TEST(RingModel, RandomOperationsAgreeWithAQueue) {
  const std::uint64_t starts[] = {0, 5, 16 * 0x7ffffffeULL, 0xffffffffffULL};
  for (std::uint32_t seed = 0; seed < 120 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    const std::uint32_t rings = 1 + seed % 5 * 17;
    Model(seed, rings, 16U << (seed % 4), starts[seed % std::size(starts)]).run(3000);
  }
}

}  // namespace
}  // namespace vmitap::ring::test
