// SPDX-License-Identifier: MIT
#include "pipeline/encode.hpp"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstring>

namespace vmitap::pipeline {
namespace {

struct Fixture {
  Fixture() {
    rule.name = "r";
    plan.rule = &rule;
    plan.channel = 3;
    site.trigger = "t";
    site.feeds = {{.rule = &plan}};
    batch.clocks.push_back(
        {.base_ticks = 1000, .base_monotonic_ns = 50, .base_realtime_ns = 5000, .ns_per_tick = 2.0});
    batch.events.push_back({.site = &site, .thread = 77, .ticks = 1100});
    batch.shots.push_back({.event = 0, .rule = &plan});
  }

  Facts encoded(const std::string& guest = "") {
    Encoder encoder({guest});
    EncodedBatch out;
    EXPECT_EQ(encoder.encode(batch, 0, out), batch.shots.size());
    EXPECT_EQ(out.records.size(), 1U);
    // The record's only field is facts = 1: a Session has a message there too, so unwrap by hand.
    const auto* bytes = reinterpret_cast<const unsigned char*>(out.bytes.data());
    EXPECT_EQ(bytes[0], types::kFactsField << 3 | 2);
    EXPECT_LT(bytes[1], 0x80);
    Facts facts;
    EXPECT_TRUE(facts.ParseFromArray(bytes + 2, bytes[1]));
    const std::size_t values = plan.values.empty() ? 0 : 2;  // nothing in them
    EXPECT_EQ(out.bytes.size(), 2U + bytes[1] + values);
    EXPECT_EQ(out.records[0].time_ns, facts.time_ns());
    return facts;
  }

  Rule rule;
  RulePlan plan;
  SitePlan site;
  Batch batch;
};

void expect_equal(const Facts& seen, const Facts& expected) {
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(seen, expected))
      << seen.DebugString() << expected.DebugString();
}

TEST(Encoder, WritesTheFactsThatLibprotobufReads) {
  Fixture f;
  f.batch.shots[0].mode = SYNC;
  f.batch.events[0].lost = 9;
  Facts expected;
  expected.set_trigger("t");
  expected.set_sequence(1);
  expected.set_time_ns(5200);
  expected.set_monotonic_ns(250);
  expected.set_thread(77);
  expected.set_mode(SYNC);
  expected.set_lost_before(9);
  expected.set_guest("local:7");
  expect_equal(f.encoded("local:7"), expected);
}

TEST(Encoder, GivesSkidAndWindowOfAPause) {
  Fixture f;
  f.batch.shots[0].mode = PAUSED;
  f.batch.shots[0].taken_ticks = 1400;
  f.batch.shots[0].pause_ns = 12345;
  const Facts facts = f.encoded();
  EXPECT_EQ(facts.skid_ns(), 600U);
  EXPECT_EQ(facts.pause_ns(), 12345U);
  EXPECT_FALSE(facts.has_pause_ns() && facts.mode() != PAUSED);
}

TEST(Encoder, GivesLiveRecordsASkidButNoWindow) {
  Fixture f;
  f.batch.shots[0].mode = LIVE;
  f.batch.shots[0].taken_ticks = 1050;  // a clock that went backwards between cores is no negative skid
  const Facts facts = f.encoded();
  EXPECT_TRUE(facts.has_skid_ns());
  EXPECT_EQ(facts.skid_ns(), 0U);
  EXPECT_FALSE(facts.has_pause_ns());
}

TEST(Encoder, TellsWhyARecordIsNotOfTheModeThatWasAskedFor) {
  Fixture f;
  f.batch.shots[0].mode = LIVE;
  f.batch.shots[0].fallback = Facts::OVER_BUDGET;
  EXPECT_EQ(f.encoded().fallback(), Facts::OVER_BUDGET);
  f.batch.shots[0].fallback = Facts::PAUSE_FAILED;
  f.batch.pause_problems = {"traced by gdb"};
  const Facts facts = f.encoded();
  EXPECT_EQ(facts.fallback(), Facts::PAUSE_FAILED);
  EXPECT_EQ(facts.fallback_detail(), "traced by gdb");
}

TEST(Encoder, TellsOfEachValueWhyItWasNotRead) {
  Fixture f;
  f.plan.values.resize(4);
  for (std::size_t i = 0; i < 4; ++i) f.plan.values[i].expression = "abcd"[i];
  f.plan.value_offsets = {0, 0, 0, 0};
  f.plan.schema.values.resize(4);
  f.batch.shots[0].unread = 0b1011;
  f.batch.shots[0].failures_at = 1;  // another shot's stands before
  f.batch.failures = {{},
                      {.reason = Unread::NULL_POINTER, .address = {}},
                      {.reason = Unread::UNREADABLE, .address = 0xdeadbeef},
                      {.reason = Unread::GUEST_GONE, .address = {}}};
  const Facts facts = f.encoded();
  ASSERT_EQ(facts.unread_size(), 3);
  EXPECT_EQ(facts.unread(0).value(), "a");
  EXPECT_EQ(facts.unread(0).reason(), Unread::NULL_POINTER);
  EXPECT_FALSE(facts.unread(0).has_address());
  EXPECT_EQ(facts.unread(1).value(), "b");
  EXPECT_EQ(facts.unread(1).address(), 0xdeadbeefU);
  EXPECT_EQ(facts.unread(2).value(), "d");
  EXPECT_EQ(facts.unread(2).reason(), Unread::GUEST_GONE);
}

TEST(Encoder, HandsOnInPiecesWhatTakesMuch) {
  Fixture f;
  f.site.trigger = std::string(1 << 20, 't');
  f.batch.shots.resize(10, f.batch.shots[0]);
  f.batch.losses.resize(1);
  f.batch.last = true;
  Encoder encoder({""});
  std::size_t next = 0, pieces = 0, records = 0, losses = 0;
  while (next < f.batch.shots.size()) {
    EncodedBatch out;
    next = encoder.encode(f.batch, next, out);
    ++pieces;
    records += out.records.size();
    losses += out.losses.size();
    EXPECT_LT(out.bytes.size(), 6U << 20);
    EXPECT_EQ(out.last, next == f.batch.shots.size());
  }
  EXPECT_EQ(pieces, 3U);
  EXPECT_EQ(records, 10U);
  EXPECT_EQ(losses, 1U);
}

TEST(Encoder, CountsTheRecordsOfARule) {
  Fixture f;
  f.batch.shots[0].mode = INLINE;
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(f.encoded().sequence(), i);
}

}  // namespace
}  // namespace vmitap::pipeline
