// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

constexpr std::uint32_t kSlots = 16;

TEST(RingProducer, SlotsOfARecord) {
  EXPECT_EQ(vmitap_record_slots(0), 1U);
  EXPECT_EQ(vmitap_record_slots(40), 1U);
  EXPECT_EQ(vmitap_record_slots(41), 2U);
  EXPECT_EQ(vmitap_record_slots(100), 2U);
  EXPECT_EQ(vmitap_record_slots(101), 3U);
  EXPECT_EQ(vmitap_record_slots(VMITAP_RECORD_PAYLOAD_MAX), VMITAP_RECORD_SLOTS_MAX);
  EXPECT_EQ(vmitap_record_slots(VMITAP_RECORD_PAYLOAD_MAX + 1), 0U);
  EXPECT_EQ(vmitap_record_slots(0xffffffff), 0U);
  EXPECT_EQ(vmitap_payload_max(16), 40U + 3 * 60);
  EXPECT_EQ(vmitap_payload_max(65536), VMITAP_RECORD_PAYLOAD_MAX);
}

TEST(RingProducer, PiecesCrossSlotsAndTheRingsEnd) {
  Regions regions(1, kSlots);
  regions.start_at(kSlots - 2);
  Consumer consumer = regions.open();
  const auto payload = pattern(220);
  vmitap_record record;
  ASSERT_TRUE(vmitap_reserve(&regions.producer(), &record, 220));
  // Pieces of 1, 2, 3 ... bytes meet each border in every way.
  std::uint32_t done = 0;
  for (std::uint32_t piece = 1; done < 220; ++piece) {
    piece = std::min(piece, 220 - done);
    vmitap_write(&record, payload.data() + done, piece);
    done += piece;
  }
  vmitap_commit(&record, 7, VMITAP_RECORD_INLINE, 99);
  const auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].payload, payload);
  EXPECT_EQ(records[0].record.trigger, 7U);
  EXPECT_EQ(records[0].record.flags, VMITAP_RECORD_INLINE);
  EXPECT_EQ(records[0].record.tsc, 99U);
  EXPECT_EQ(records[0].record.position, kSlots - 2);
}

TEST(RingProducer, WritesNoMoreThanItReserved) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  const auto payload = pattern(200);
  vmitap_record record;
  ASSERT_TRUE(vmitap_reserve(&regions.producer(), &record, 50));
  vmitap_write(&record, payload.data(), 200);
  vmitap_write(&record, payload.data(), 1);
  vmitap_commit(&record, 1, 0, 0);
  EXPECT_EQ(regions.slot(2).first.commit, 0U);
  const auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_TRUE(std::equal(records[0].payload.begin(), records[0].payload.end(), payload.begin(),
                         payload.begin() + 50));
}

TEST(RingProducer, WhatWasReservedButNotWrittenIsZeroAndNotOldMemory) {
  Regions regions(1, kSlots);
  const auto region = regions.guest().subspan(regions.header().slots_offset);
  for (std::uint64_t i = 0; i < kSlots; ++i)
    std::fill_n(region.begin() + static_cast<std::ptrdiff_t>(i * 64 + 4), 60, std::byte{0xaa});
  Consumer consumer = regions.open();
  vmitap_record record;
  ASSERT_TRUE(vmitap_reserve(&regions.producer(), &record, 150));
  vmitap_write(&record, "ab", 2);
  vmitap_commit(&record, 1, 0, 0);
  const auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), 1U);
  ASSERT_EQ(records[0].payload.size(), 150U);
  EXPECT_EQ(std::to_integer<char>(records[0].payload[1]), 'b');
  EXPECT_TRUE(std::all_of(records[0].payload.begin() + 2, records[0].payload.end(),
                          [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(RingProducer, AFullRingDropsTheNewestAndTellsWithTheNextRecord) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  for (std::uint32_t i = 0; i < kSlots; ++i) ASSERT_NE(push_value(regions.producer(), i), Pushed::dropped);
  for (std::uint32_t i = 0; i < 3; ++i) ASSERT_EQ(push_value(regions.producer(), i), Pushed::dropped);
  EXPECT_EQ(regions.state().drops, 3U);

  auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), kSlots);
  for (const auto& copied : records) EXPECT_EQ(copied.record.lost, 0U);
  ASSERT_NE(push_value(regions.producer(), 1), Pushed::dropped);
  ASSERT_NE(push_value(regions.producer(), 2), Pushed::dropped);
  records = drain_all(consumer);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].record.lost, 3U);
  EXPECT_EQ(records[1].record.lost, 0U);

  const auto losses = losses_of(consumer);
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_EQ(losses[0].count, 3U);
  EXPECT_FALSE(losses[0].ringless);
  EXPECT_TRUE(losses_of(consumer).empty());
}

TEST(RingProducer, TheLastFreeSlotIsUsed) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  const auto three = pattern(101);
  for (int i = 0; i < 5; ++i) ASSERT_NE(push(regions.producer(), three), Pushed::dropped);
  EXPECT_EQ(push(regions.producer(), three), Pushed::dropped);  // one slot is left
  EXPECT_NE(push(regions.producer(), {}), Pushed::dropped);
  EXPECT_EQ(push(regions.producer(), {}), Pushed::dropped);
  const auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), 6U);
  EXPECT_EQ(records[5].record.lost, 1U);
}

TEST(RingProducer, ARecordLargerThanAQuarterOfTheRingIsDroppedAndCounted) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  EXPECT_NE(push(regions.producer(), pattern(220)), Pushed::dropped);
  EXPECT_EQ(push(regions.producer(), pattern(221)), Pushed::dropped);
  EXPECT_EQ(push(regions.producer(), pattern(70'000)), Pushed::dropped);
  EXPECT_EQ(regions.state().drops, 2U);
  EXPECT_EQ(drain_all(consumer).size(), 1U);
}

TEST(RingProducer, LostSaturatesAndTheRestIsToldLater) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  regions.producer().lost = regions.state().drops = 0x1'0000'0004;
  push(regions.producer(), {});
  push(regions.producer(), {});
  const auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].record.lost, 0xffffffffU);
  EXPECT_EQ(records[1].record.lost, 5U);
}

TEST(RingProducer, AHostThatPublishesNonsenseCostsRecordsOnly) {
  Regions regions(1, kSlots);
  for (const std::uint64_t tail : {std::uint64_t{1} << 63, std::uint64_t{1000}, ~std::uint64_t{0}}) {
    regions.start_at(100);
    regions.control().tail = tail;
    regions.producer().tail = tail;
    for (std::uint32_t i = 0; i < 100; ++i) push(regions.producer(), pattern(220));
  }
  const auto behind = regions.guest().subspan(regions.header().slots_offset + kSlots * VMITAP_SLOT_SIZE);
  EXPECT_TRUE(std::all_of(behind.begin(), behind.end(), [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(RingProducer, ARingHasOneOwner) {
  Regions regions(2, kSlots);
  EXPECT_TRUE(vmitap_producer_claim(&regions.producer(), 11));
  EXPECT_FALSE(vmitap_producer_claim(&regions.producer(), 12));
  EXPECT_TRUE(vmitap_producer_claim(&regions.producer(1), 12));
  vmitap_producer_release(&regions.producer());
  EXPECT_TRUE(vmitap_producer_claim(&regions.producer(), 12));
}

TEST(RingProducer, ARingPassesToTheNextOwnerOnlyWhenTheHostHasReadIt) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  ASSERT_TRUE(vmitap_producer_claim(&regions.producer(), 11));
  push(regions.producer(), {});
  vmitap_producer_release(&regions.producer());
  EXPECT_FALSE(vmitap_producer_claim(&regions.producer(), 12));
  EXPECT_EQ(vmitap_producer_owner(&regions.producer()), 0U);
  EXPECT_EQ(drain_all(consumer).at(0).record.owner, 11U);
  EXPECT_TRUE(vmitap_producer_claim(&regions.producer(), 12));
  push(regions.producer(), {});
  const auto records = drain_all(consumer);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].record.owner, 12U);
}

TEST(RingProducer, TheNextOwnerGoesOnWhereTheLastStopped) {
  Regions regions(1, kSlots);
  Consumer consumer = regions.open();
  for (std::uint32_t owner = 1; owner <= 100; ++owner) {
    ASSERT_TRUE(vmitap_producer_claim(&regions.producer(), owner));
    ASSERT_NE(push_value(regions.producer(), owner), Pushed::dropped);
    vmitap_producer_release(&regions.producer());
    const auto records = drain_all(consumer);
    ASSERT_EQ(records.size(), 1U) << owner;
    EXPECT_EQ(records[0].record.owner, owner);
    EXPECT_EQ(records[0].record.position, owner - 1);
  }
}

}  // namespace
}  // namespace vmitap::ring::test
