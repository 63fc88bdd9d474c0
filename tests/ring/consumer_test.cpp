// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

constexpr std::uint32_t kSlots = 16;

vmitap_guest_header& header_of(Regions& regions) {
  return *reinterpret_cast<vmitap_guest_header*>(regions.guest().data());
}

OpenError open_error(Regions& regions) {
  auto opened = Consumer::open(regions.guest(), regions.host());
  const auto* error = std::get_if<OpenError>(&opened);
  return error != nullptr ? *error : OpenError::none;
}

OpenError open_error(const std::function<void(vmitap_guest_header&)>& change) {
  Regions regions(2, kSlots);
  change(header_of(regions));
  return open_error(regions);
}

TEST(RingConsumerOpen, TakesWhatTheProducersLaidOut) {
  Regions regions(100, kSlots);
  const Consumer consumer = regions.open();
  EXPECT_EQ(consumer.ring_count(), 100U);
  EXPECT_EQ(consumer.clock(), VMITAP_CLOCK_TSC);
}

TEST(RingConsumerOpen, RefusesWhatIsNoRing) {
  EXPECT_EQ(open_error([](auto& header) { header.magic ^= 1; }), OpenError::magic);
  EXPECT_EQ(open_error([](auto& header) { header.abi_version = 2; }), OpenError::version);
  EXPECT_EQ(open_error([](auto& header) { header.region_size += 1; }), OpenError::region_too_small);
  EXPECT_EQ(open_error([](auto& header) { header.region_size = ~0ULL; }), OpenError::region_too_small);
}

TEST(RingConsumerOpen, RefusesAGeometryThatDoesNotFit) {
  const std::function<void(vmitap_guest_header&)> changes[] = {
      [](auto& header) { header.ring_count = 0; },
      [](auto& header) { header.ring_count = VMITAP_RING_COUNT_MAX + 1; },
      [](auto& header) { header.ring_count = 0xffffffff; },
      [](auto& header) { header.slots_per_ring = 0; },
      [](auto& header) { header.slots_per_ring = 8; },
      [](auto& header) { header.slots_per_ring = 24; },
      [](auto& header) { header.slots_per_ring = 0x80000000; },
      [](auto& header) { header.slots_per_ring = 1024; },
      [](auto& header) { header.clock = 0; },
      [](auto& header) { header.clock = 3; },
      [](auto& header) { header.states_offset = 0; },
      [](auto& header) { header.states_offset += 8; },
      [](auto& header) { header.states_offset = header.region_size; },
      [](auto& header) { header.states_offset = ~0ULL - 4095; },
      [](auto& header) { header.active_offset = header.region_size; },
      [](auto& header) { header.slots_offset = header.region_size + VMITAP_PAGE_SIZE; },
      [](auto& header) { header.slots_offset = std::uint64_t{0} - VMITAP_PAGE_SIZE; },
      [](auto& header) { header.region_size = VMITAP_PAGE_SIZE; },
  };
  for (std::size_t i = 0; i < std::size(changes); ++i)
    EXPECT_EQ(open_error(changes[i]), OpenError::geometry) << "change " << i;
}

TEST(RingConsumerOpen, RefusesRegionsThatAreTooSmallOrNotAligned) {
  Regions regions(2, kSlots);
  const auto fails = [](std::span<const std::byte> guest, std::span<std::byte> host) {
    auto opened = Consumer::open(guest, host);
    const auto* error = std::get_if<OpenError>(&opened);
    return error != nullptr && *error == OpenError::region_too_small;
  };
  EXPECT_TRUE(fails({}, regions.host()));
  EXPECT_TRUE(fails(regions.guest().first(4095), regions.host()));
  EXPECT_TRUE(fails(regions.guest().first(regions.guest().size() - 1), regions.host()));
  EXPECT_TRUE(fails(regions.guest(), {}));
  EXPECT_TRUE(fails(regions.guest(), regions.host().first(VMITAP_PAGE_SIZE + 255)));
  EXPECT_TRUE(fails(regions.guest().subspan(8), regions.host()));
  EXPECT_FALSE(fails(regions.guest(), regions.host().first(VMITAP_PAGE_SIZE + 256)));
}

TEST(RingConsumerOpen, HeaderIsReadOnce) {
  Regions regions(2, kSlots);
  Consumer consumer = regions.open();
  header_of(regions).slots_per_ring = 65536;
  header_of(regions).ring_count = 4096;
  header_of(regions).slots_offset = ~0ULL;
  push_value(regions.producer(1), 5);
  EXPECT_EQ(drain_all(consumer).size(), 1U);
  EXPECT_EQ(consumer.ring_count(), 2U);
}

TEST(RingConsumerOpen, TakesOverAtHeadAndFreesWhatWasNeverRead) {
  Regions regions(1, kSlots);
  for (std::uint32_t i = 0; i < kSlots + 5; ++i) push_value(regions.producer(), i);
  ASSERT_EQ(regions.state().drops, 5U);
  Consumer consumer = regions.open();
  EXPECT_TRUE(drain_all(consumer).empty());
  EXPECT_TRUE(losses_of(consumer).empty());
  ASSERT_NE(push_value(regions.producer(), 77U), Pushed::dropped);
  const auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].record.position, kSlots);
}

TEST(RingConsumerOpen, IsNotToldWhatWasDroppedBeforeItCame) {
  Regions regions(1, kSlots);
  {
    const Consumer before = regions.open();
    for (std::uint32_t i = 0; i < kSlots + 5; ++i) push_value(regions.producer(), i);
  }
  Consumer consumer = regions.open();
  for (std::uint32_t i = 0; i < kSlots; ++i) push_value(regions.producer(), i);
  EXPECT_EQ(drain_all(consumer)[0].record.lost, 0U);
  // What is dropped from then on is told in full.
  for (std::uint32_t i = 0; i < kSlots + 3; ++i) push_value(regions.producer(), i);
  EXPECT_EQ(drain_all(consumer).size(), kSlots);
  push_value(regions.producer(), 1);
  EXPECT_EQ(drain_all(consumer)[0].record.lost, 3U);
}

TEST(RingConsumer, TailIsPublishedWhenAQuarterOfTheRingWasRead) {
  Regions regions(1, 64);
  Consumer consumer = regions.open();
  for (std::uint32_t i = 0; i < 64; ++i) push_value(regions.producer(), i);
  std::vector<std::uint64_t> tails;
  consumer.drain(1000, [&](const Record&) { tails.push_back(regions.control().tail); });
  ASSERT_EQ(tails.size(), 64U);
  EXPECT_EQ(tails[15], 0U);
  EXPECT_EQ(tails[16], 16U);
}

TEST(RingConsumer, EveryLapOfEveryPayloadSize) {
  Regions regions(1, 64);
  Consumer consumer = regions.open();
  std::uint64_t position = 0;
  for (std::uint32_t size = 0; size <= vmitap_payload_max(64); ++size) {
    const auto payload = pattern(size, size);
    ASSERT_NE(push(regions.producer(), payload, size, 0, size * 3), Pushed::dropped);
    const auto records = drain_all(consumer);
    ASSERT_EQ(records.size(), 1U) << size;
    EXPECT_EQ(records[0].payload, payload);
    EXPECT_EQ(records[0].record.trigger, size);
    EXPECT_EQ(records[0].record.tsc, size * 3);
    EXPECT_EQ(records[0].record.position, position);
    EXPECT_EQ(records[0].record.sync_ticket(), position + 1);
    position += vmitap_record_slots(size);
  }
  EXPECT_GT(position, 64U * 5);
}

TEST(RingConsumer, HandsOverNoMoreThanAsked) {
  Regions regions(2, 256);
  Consumer consumer = regions.open();
  for (std::uint32_t i = 0; i < 200; ++i) push_value(regions.producer(i % 2), i);
  EXPECT_EQ(drain_all(consumer, 0).size(), 0U);
  EXPECT_EQ(drain_all(consumer, 1).size(), 1U);
  EXPECT_EQ(drain_all(consumer, 150).size(), 150U);
  EXPECT_EQ(drain_all(consumer, 1000).size(), 49U);
}

TEST(RingConsumer, BusyRingsShareADrain) {
  constexpr std::uint32_t kRings = 8;
  Regions regions(kRings, 1024);
  Consumer consumer = regions.open();
  for (std::uint32_t ring = 0; ring < kRings; ++ring)
    for (std::uint32_t i = 0; i < 1024; ++i) push_value(regions.producer(ring), i);
  std::map<std::uint32_t, std::size_t> counts;
  for (int call = 0; call < 16; ++call)
    for (const auto& copied : drain_all(consumer, 100)) ++counts[copied.record.ring];
  ASSERT_EQ(counts.size(), kRings);
  for (const auto& [ring, count] : counts) {
    EXPECT_GE(count, 136U) << ring;  // 200 on average; a turn is 64
    EXPECT_LE(count, 264U) << ring;
  }
}

TEST(RingConsumer, TailIsPublishedByTurnsNotByRecords) {
  Regions regions(1, 1024);
  Consumer consumer = regions.open();
  for (std::uint32_t i = 0; i < 100; ++i) push_value(regions.producer(), i);
  std::vector<std::uint64_t> tails;
  consumer.drain(1000, [&](const Record&) { tails.push_back(regions.control().tail); });
  ASSERT_EQ(tails.size(), 100U);
  EXPECT_EQ(tails[63], 0U);
  EXPECT_EQ(tails[64], 64U);
  EXPECT_EQ(regions.control().tail, 100U);
}

TEST(RingConsumer, ACallbackThatThrowsLosesOnlyItsRecord) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  for (std::uint32_t i = 0; i < 3; ++i) push_value(regions.producer(), i);
  EXPECT_THROW(consumer.drain(10, [](const Record&) { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(drain_all(consumer).size(), 2U);
  EXPECT_EQ(regions.control().tail, 3U);
}

TEST(RingConsumer, CountsFiringsThatFoundNoRing) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  header_of(regions).ringless_drops = 9;
  auto losses = losses_of(consumer);
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_TRUE(losses[0].ringless);
  EXPECT_EQ(losses[0].count, 9U);
  header_of(regions).ringless_drops = 3;  // a counter that shrinks says nothing
  EXPECT_TRUE(losses_of(consumer).empty());
  header_of(regions).ringless_drops = 10;
  losses = losses_of(consumer);
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_EQ(losses[0].count, 1U);
}

// ------------------------------------------------------------------ rules that a guest may break

struct Broken {
  const char* name;
  std::function<void(Regions&)> damage;  // after a record of 150 payload bytes (3 slots) at position 0
  RingError error;
};

class RingConsumerLatch : public testing::TestWithParam<Broken> {};

TEST_P(RingConsumerLatch, TheRingAndNoOther) {
  Regions regions(3, kSlots);
  Consumer consumer = regions.open();
  for (std::uint32_t ring = 0; ring < 3; ++ring) push(regions.producer(ring), pattern(150, ring));
  GetParam().damage(regions);
  const auto records = drain_all(consumer);
  EXPECT_EQ(records.size(), 2U);
  const auto errors = errors_of(consumer);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].ring, 0U);
  EXPECT_EQ(errors[0].error, GetParam().error);
  EXPECT_EQ(errors[0].position, 0U);
  EXPECT_TRUE(errors_of(consumer).empty());

  // For ever, even when the guest mends it; the others go on.
  for (std::uint64_t position = 0; position < kSlots; ++position)
    regions.slot(position).first = {
        .commit = 2, .size = 0, .slots = 1, .flags = 0, .tsc = 0, .trigger = 0, .lost = 0, .payload = {}};
  regions.state().drops = 100;
  regions.active_word() ^= 1;
  for (int lap = 0; lap < 20; ++lap) {
    push_value(regions.producer(1), lap);
    push_value(regions.producer(2), lap);
    ASSERT_EQ(drain_all(consumer).size(), 2U);
    consumer.prepare_sleep();
    EXPECT_FALSE(consumer.pending());
    consumer.cancel_sleep();
  }
  EXPECT_TRUE(errors_of(consumer).empty());
  EXPECT_TRUE(losses_of(consumer).empty());
  EXPECT_EQ(consumer.unfinished(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, RingConsumerLatch,
    testing::Values(
        Broken{"CommitOfALaterLap", [](Regions& r) { r.slot(0).first.commit = 4; }, RingError::commit_word},
        Broken{"CommitOfAMuchLaterLap", [](Regions& r) { r.slot(0).first.commit = 0x7ffffffe; },
               RingError::commit_word},
        Broken{"ContinuationAtTheStart", [](Regions& r) { r.slot(0).first.commit = 3; },
               RingError::commit_word},
        Broken{"NoSlots", [](Regions& r) { r.slot(0).first.slots = 0; }, RingError::slot_count},
        Broken{"MoreThanAQuarterOfTheRing", [](Regions& r) { r.slot(0).first.slots = 5; },
               RingError::slot_count},
        Broken{"SizeTooLargeForTheSlots", [](Regions& r) { r.slot(0).first.size = 161; },
               RingError::payload_size},
        Broken{"SizeOfFewerSlots", [](Regions& r) { r.slot(0).first.size = 100; }, RingError::payload_size},
        Broken{"LargestSize", [](Regions& r) { r.slot(0).first.size = 0xffff; }, RingError::payload_size},
        Broken{"MissingContinuation", [](Regions& r) { r.slot(2).next.commit = 0; }, RingError::continuation},
        Broken{"FirstSlotAsContinuation", [](Regions& r) { r.slot(1).next.commit = 2; },
               RingError::continuation},
        Broken{"ContinuationOfAnotherLap", [](Regions& r) { r.slot(1).next.commit = 5; },
               RingError::continuation}),
    [](const auto& instance) { return instance.param.name; });

class RingConsumerHead : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RingConsumerHead, IsCheckedBeforeTheRingIsLeftAlone) {
  Regions regions(2, kSlots);
  Consumer consumer = regions.open();
  push_value(regions.producer(), 1);
  push_value(regions.producer(1), 1);
  ASSERT_EQ(drain_all(consumer).size(), 2U);
  regions.state().head = GetParam();
  consumer.prepare_sleep();
  EXPECT_FALSE(consumer.pending());
  consumer.cancel_sleep();
  const auto errors = errors_of(consumer);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].error, RingError::head);
  EXPECT_EQ(errors[0].ring, 0U);
}

INSTANTIATE_TEST_SUITE_P(Impossible, RingConsumerHead,
                         testing::Values(0, 1 + kSlots + 1, std::uint64_t{1} << 63, ~std::uint64_t{0}));

TEST(RingConsumer, WordsOfEarlierLapsAreNotYetRecords) {
  Regions regions(1, kSlots);
  regions.start_at(10 * kSlots);
  Consumer consumer = regions.open();
  // Wakes the ring, so that it is looked at.
  regions.active_word() ^= 1;
  for (std::uint32_t lap = 0; lap <= 10; ++lap) {
    for (const std::uint32_t continuation : {0U, 1U}) {
      regions.slot(0).first.commit = lap << 1 | continuation;
      EXPECT_TRUE(drain_all(consumer).empty());
      EXPECT_TRUE(errors_of(consumer).empty()) << lap;
    }
  }
}

// ------------------------------------------------------------------ a guest that died in mid-record

TEST(RingConsumer, CountsWhatWasNeverCommittedAndWhatStandsBehindIt) {
  Regions regions(2, kSlots);
  Consumer consumer = regions.open();
  push_value(regions.producer(), 1);
  vmitap_record record;
  ASSERT_TRUE(vmitap_reserve(&regions.producer(), &record, 100));
  push(regions.producer(), pattern(100));
  push(regions.producer(), pattern(10));
  EXPECT_EQ(drain_all(consumer).size(), 1U);
  EXPECT_EQ(consumer.unfinished(), 3U);
  vmitap_publish(&record, 1, 0, 0);
  EXPECT_EQ(drain_all(consumer).size(), 3U);
  EXPECT_EQ(consumer.unfinished(), 0U);
}

}  // namespace
}  // namespace vmitap::ring::test
