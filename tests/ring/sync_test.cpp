// SPDX-License-Identifier: MIT
// A waiting producer and the host that answers, in both orders wherever they can meet.
#include <gtest/gtest.h>

#include "region.hpp"

namespace vmitap::ring::test {
namespace {

constexpr std::uint32_t kSlots = 16;

class RingSync : public testing::Test {
 protected:
  std::uint64_t fire() {
    vmitap_record record;
    EXPECT_TRUE(vmitap_reserve(&producer_, &record, 0));
    EXPECT_TRUE(vmitap_sync_possible(&record));
    vmitap_commit(&record, 1, VMITAP_RECORD_SYNC, 0);
    return vmitap_sync_ticket(&record);
  }
  Record take() {
    const auto records = drain_all(consumer_, 1);
    EXPECT_EQ(records.size(), 1U);
    return records.at(0).record;
  }

  Regions regions_{2, kSlots};
  Consumer consumer_ = regions_.open();
  vmitap_producer& producer_ = regions_.producer();
};

TEST_F(RingSync, TicketsAreTheSameOnBothSides) {
  for (int i = 0; i < 50; ++i) {
    const std::uint64_t ticket = fire();
    EXPECT_FALSE(vmitap_sync_answered(&producer_, ticket));
    const Record record = take();
    EXPECT_EQ(record.flags, VMITAP_RECORD_SYNC);
    EXPECT_EQ(record.sync_ticket(), ticket);
    consumer_.answer_sync(record.ring, record.sync_ticket());
    EXPECT_TRUE(vmitap_sync_answered(&producer_, ticket));
    EXPECT_FALSE(consumer_.sync_abandoned(record.ring, ticket));
  }
}

TEST_F(RingSync, TheAnswerWins) {
  const std::uint64_t ticket = fire();
  take();
  EXPECT_FALSE(consumer_.sync_abandoned(0, ticket));  // labelled SYNC, and rightly so
  consumer_.answer_sync(0, ticket);
  EXPECT_TRUE(vmitap_sync_answered(&producer_, ticket));
  EXPECT_EQ(regions_.state().sync_timeouts, 0U);
}

TEST_F(RingSync, TheProducerGivesUpBeforeTheHostAsks) {
  const std::uint64_t ticket = fire();
  take();
  vmitap_sync_abandon(&producer_, ticket);
  EXPECT_TRUE(consumer_.sync_abandoned(0, ticket));
  EXPECT_EQ(regions_.state().sync_timeouts, 1U);
}

TEST_F(RingSync, TheProducerGivesUpBetweenTheHostsQuestionAndItsAnswer) {
  // The snapshot ended before the producer went on: SYNC is true of it, whoever hears what first.
  const std::uint64_t ticket = fire();
  take();
  EXPECT_FALSE(consumer_.sync_abandoned(0, ticket));
  vmitap_sync_abandon(&producer_, ticket);
  consumer_.answer_sync(0, ticket);
  // The late answer is not taken for the next one's, nor the last abandonment.
  const std::uint64_t next = fire();
  EXPECT_FALSE(vmitap_sync_answered(&producer_, next));
  EXPECT_FALSE(consumer_.sync_abandoned(0, next));
}

TEST_F(RingSync, AHostThatHangsCostsTwoWaitsInAll) {
  constexpr std::uint32_t kAllowed = 1'000'000;
  std::uint64_t waited = 0;
  std::uint64_t last = 0;
  for (int i = 0; i < 50; ++i) {
    last = fire();
    waited += vmitap_sync_patience(&producer_, kAllowed);
    vmitap_sync_abandon(&producer_, last);
    take();
  }
  EXPECT_LE(waited, 2 * kAllowed);
  consumer_.answer_sync(0, last);  // it is back
  EXPECT_EQ(vmitap_sync_patience(&producer_, kAllowed), kAllowed);
}

TEST_F(RingSync, WhatAnEarlierHostOwedIsSettledByTheNext) {
  vmitap_sync_abandon(&producer_, fire());
  EXPECT_LT(vmitap_sync_patience(&producer_, 1000), 1000U);
  consumer_ = regions_.open();
  EXPECT_EQ(vmitap_sync_patience(&producer_, 1000), 1000U);
  vmitap_sync_abandon(&producer_, fire());
  EXPECT_LT(vmitap_sync_patience(&producer_, 1000), 1000U);
}

TEST_F(RingSync, ParkedBeforeTheAnswerIsWoken) {
  const std::uint64_t ticket = fire();
  take();
  const std::uint32_t was = vmitap_sync_park(&producer_);
  EXPECT_FALSE(vmitap_sync_answered(&producer_, ticket));  // goes to sleep
  consumer_.answer_sync(0, ticket);
  EXPECT_TRUE(consumer_.needs_wake(0));
  EXPECT_FALSE(consumer_.needs_wake(1));
  vmitap_sync_unpark(&producer_, was);
  EXPECT_FALSE(consumer_.needs_wake(0));
}

TEST_F(RingSync, ParkedAfterTheAnswerDoesNotSleep) {
  const std::uint64_t ticket = fire();
  take();
  consumer_.answer_sync(0, ticket);
  EXPECT_FALSE(consumer_.needs_wake(0));
  vmitap_sync_park(&producer_);
  EXPECT_TRUE(vmitap_sync_answered(&producer_, ticket));
}

TEST_F(RingSync, AHandlerThatWaitsInAWaitLeavesTheFlagAsItWas) {
  fire();
  const std::uint32_t outer = vmitap_sync_park(&producer_);
  fire();
  const std::uint32_t inner = vmitap_sync_park(&producer_);
  vmitap_sync_unpark(&producer_, inner);
  EXPECT_TRUE(consumer_.needs_wake(0));
  vmitap_sync_unpark(&producer_, outer);
  EXPECT_FALSE(consumer_.needs_wake(0));
}

TEST_F(RingSync, AbandonmentsOfNestedWaitsKeepTheHighest) {
  const std::uint64_t outer = fire();
  const std::uint64_t inner = fire();
  vmitap_sync_abandon(&producer_, inner);
  vmitap_sync_abandon(&producer_, outer);
  EXPECT_TRUE(consumer_.sync_abandoned(0, outer));
  EXPECT_TRUE(consumer_.sync_abandoned(0, inner));
  EXPECT_FALSE(consumer_.sync_abandoned(0, inner + 1));
  EXPECT_EQ(regions_.state().sync_timeouts, 2U);
}

TEST_F(RingSync, AnswersOnlyGrow) {
  const std::uint64_t first = fire();
  const std::uint64_t second = fire();
  consumer_.answer_sync(0, second);
  consumer_.answer_sync(0, first);
  EXPECT_EQ(vmitap_sync_answer(&producer_), second);
}

TEST_F(RingSync, NobodyMayWaitInsideAnUncommittedRecord) {
  vmitap_record outer;
  vmitap_record inner;
  ASSERT_TRUE(vmitap_reserve(&producer_, &outer, 0));
  ASSERT_TRUE(vmitap_reserve(&producer_, &inner, 0));
  EXPECT_TRUE(vmitap_sync_possible(&outer));
  EXPECT_FALSE(vmitap_sync_possible(&inner));
  vmitap_commit(&inner, 1, 0, 0);
  vmitap_commit(&outer, 1, 0, 0);
  fire();  // expects that it could wait
}

TEST_F(RingSync, WaitingIsPossibleAgainAfterADrop) {
  for (std::uint32_t i = 0; i < kSlots; ++i) push(producer_, {});
  ASSERT_EQ(push(producer_, {}), Pushed::dropped);
  drain_all(consumer_);
  fire();
}

TEST_F(RingSync, TheFutexIsTheHalfOfTheAnswerThatChanges) {
  const std::uint64_t ticket = fire();
  const std::uint32_t before = *vmitap_sync_futex(&producer_);
  consumer_.answer_sync(0, ticket);
  EXPECT_NE(*vmitap_sync_futex(&producer_), before);
  EXPECT_EQ(*vmitap_sync_futex(&producer_), static_cast<std::uint32_t>(vmitap_sync_answer(&producer_)));
}

TEST_F(RingSync, OldAnswersStayOldAfterThousandsOfMillionsOfRecords) {
  const std::uint64_t old = fire();
  take();
  consumer_.answer_sync(0, old);
  vmitap_sync_abandon(&producer_, old);
  for (const std::uint64_t position :
       {0x7fffffffULL, 0x80000001ULL, 0xffffffffULL, 0x100000000ULL, 0x180000000ULL}) {
    const std::uint64_t ticket = position + 1;
    EXPECT_FALSE(vmitap_sync_answered(&producer_, ticket));
    EXPECT_FALSE(consumer_.sync_abandoned(0, ticket));
  }
}

}  // namespace
}  // namespace vmitap::ring::test
