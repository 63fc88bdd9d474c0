// SPDX-License-Identifier: MIT
#include "pipeline/snapshot.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "idle_guest.hpp"

namespace vmitap::pipeline {
namespace {

using backend::ReadStatus;

constexpr std::uint64_t kSocket = 0x1000;
constexpr std::uint64_t kWindow = 0x40;   // of the value in the socket
constexpr std::uint64_t kPort = 0x80;     // of the witness
constexpr std::uint64_t kWasPort = 5001;  // at the trigger

// Memory of words; what is not there is unreadable.
class FakeGuest final : public test::IdleGuest {
 public:
  struct Word {
    std::uint64_t is = 0;
    ReadStatus status = ReadStatus::ok;
  };
  std::map<std::uint64_t, Word> words;

  void read(std::span<backend::ReadRequest> requests) noexcept override {
    for (backend::ReadRequest& request : requests) {
      const auto word = words.find(request.from.value);
      request.status = word == words.end() ? ReadStatus::unreadable : word->second.status;
      if (request.status == ReadStatus::ok) std::memcpy(request.into.data(), &word->second.is, 8);
    }
  }
};

vmitap_fetch through_socket(std::uint64_t member) {
  vmitap_fetch fetch{};
  fetch.base = VMITAP_FETCH_ARGUMENT;
  fetch.hops = 1;
  fetch.size = 8;
  fetch.add[0] = static_cast<std::int64_t>(member);
  return fetch;
}

// A trigger with a socket and its port, and a rule that reads the socket's window.
class Guards : public testing::Test {
 protected:
  Guards() {
    plan_.rule = &rule_;
    plan_.mode = LIVE;
    plan_.values.resize(1);
    plan_.values[0].fetch = through_socket(kWindow);
    plan_.value_offsets = {0};
    plan_.values_size = 8;
    plan_.guards = {{.fetch = through_socket(kPort), .was_at = 8, .guarded = 1}};
    plan_.guards_size = 8;
    site_.arguments_size = 16;
    site_.feeds = {{.rule = &plan_}};
    guest_.words[kSocket + kWindow] = {.is = 10};
    guest_.words[kSocket + kPort] = {.is = kWasPort};
  }

  // Why the value was not read; nothing if it was.
  std::optional<Failure> failure() {
    Batch batch;
    const std::uint64_t arguments[] = {kSocket, kWasPort};
    const auto payload = std::as_bytes(std::span(arguments));
    batch.payloads.assign(payload.begin(), payload.end());
    batch.events.push_back({.site = &site_, .payload_size = payload.size()});
    Counters counters;
    std::vector<SnapshotGuest> guests;
    guests.push_back({.guest = &guest_, .budget = PauseBudget(1)});
    Snapshotter(std::move(guests), counters).take(batch);
    EXPECT_EQ(batch.shots.size(), 1u);
    if (batch.shots[0].unread == 0) return std::nullopt;
    return batch.failures.at(batch.shots[0].failures_at);
  }

  FakeGuest guest_;
  Rule rule_;
  RulePlan plan_;
  SitePlan site_;
};

TEST_F(Guards, LetPassWhatIsWhatItWas) { EXPECT_FALSE(failure()); }

TEST_F(Guards, TellWhatIsAnother) {
  guest_.words[kSocket + kPort].is = 80;
  ASSERT_TRUE(failure());
  EXPECT_EQ(failure()->reason, Unread::STALE);
}

TEST_F(Guards, TellThatWhatCannotBeReadIsGone) {
  guest_.words.erase(kSocket + kPort);
  ASSERT_TRUE(failure());
  EXPECT_EQ(failure()->reason, Unread::STALE);
}

TEST_F(Guards, TellNothingOfWhatTheyHadNoRoomFor) {
  guest_.words[kSocket + kPort].status = ReadStatus::no_room;
  ASSERT_TRUE(failure()) << "nobody knows whether it is stale";
  EXPECT_EQ(failure()->reason, Unread::NO_ROOM);
  EXPECT_EQ(failure()->address, kSocket + kPort);
  guest_.words[kSocket + kWindow].status = ReadStatus::no_room;
  EXPECT_EQ(failure()->reason, Unread::NO_ROOM);
}

TEST_F(Guards, OfWhichOneIsReadAndDoesNotHoldTellIt) {
  guest_.words[kSocket + kPort].status = ReadStatus::no_room;
  plan_.guards.push_back(
      {.fetch = through_socket(kWindow), .was_at = 8, .is_count = true, .offset = 8, .guarded = 1});
  plan_.guards_size = 16;
  EXPECT_EQ(failure()->reason, Unread::NO_ROOM);
  guest_.words[kSocket + kWindow].is = 0;
  EXPECT_EQ(failure()->reason, Unread::STALE);
}

}  // namespace
}  // namespace vmitap::pipeline
