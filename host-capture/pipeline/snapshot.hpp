// SPDX-License-Identifier: MIT
// The second stage: reads the values of a batch's events. The pause window lies wholly in here.
#pragma once

#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "backend/guest.hpp"
#include "pipeline/budget.hpp"
#include "pipeline/counters.hpp"
#include "pipeline/messages.hpp"
#include "vmitap/ring_consumer.hpp"

namespace vmitap::pipeline {

struct SnapshotGuest {
  backend::Guest* guest = nullptr;
  ring::Consumer* consumer = nullptr;
  PauseBudget budget;
};

// One thread, the snapshot stage's.
class Snapshotter {
 public:
  Snapshotter(std::vector<SnapshotGuest> guests, Counters& counters)
      : guests_(std::move(guests)), counters_(counters) {}

  // Fills batch.shots and batch.values.
  void take(Batch& batch);

  // Runs `action` while no guest is paused, and none is before it ended. From any thread.
  template <class Action>
  void between_pauses(Action&& action) {
    const std::lock_guard closed(window_);
    action();
  }

 private:
  // A value on its way: which pointer is to be loaded next.
  struct Reading {
    const vmitap_fetch* fetch;
    std::uint32_t shot;
    std::uint32_t value;        // or guard
    std::size_t into;           // in batch.values
    std::uint64_t address = 0;  // of the next load
    unsigned hop = 0;           // pointers followed so far
    std::uint64_t pointer = 0;  // where a load puts it
    std::uint32_t same_as;      // an earlier reading of the same bytes, or itself
    std::optional<Failure> failure = {};
    bool is_guard = false;
  };

  void plan_shots(Batch& batch);
  void take_sync(Batch& batch, std::uint32_t guest);
  void take_paused(Batch& batch, std::uint32_t guest);
  void take_live(Batch& batch, std::uint32_t guest);
  void fall_back(Batch& batch, std::uint32_t guest, Facts::Fallback why);
  void take_inline(Batch& batch);
  void begin(Batch& batch, std::uint32_t shot);
  void begin_guards(const Shot& shot, std::uint32_t index, std::span<const std::byte> payload);
  static bool take_packet(Batch& batch, const Shot& shot, const Reading& reading);
  static void follow(Reading& reading, std::uint64_t pointer);
  bool ask(Batch& batch);
  bool answer();
  void read_levels(Batch& batch, backend::Guest& guest);
  void read_all(Batch& batch, backend::Guest& guest);
  void rehearse(Batch& batch, backend::Guest& guest);
  static bool holds(const Batch& batch, const Reading& reading);
  void hand_down(const Batch& batch, std::size_t guard);
  void finish(Batch& batch, const backend::Guest& guest);
  void forget();

  std::vector<SnapshotGuest> guests_;
  Counters& counters_;
  std::mutex window_;  // held while a guest is paused
  std::vector<Reading> readings_;
  bool at_guards_ = false;                                           // which of them are asked for
  std::unordered_map<const vmitap_fetch*, std::uint32_t> first_of_;  // static values: their first reading
  std::vector<backend::ReadRequest> requests_;
  std::vector<std::uint32_t> requested_;
  std::vector<Reading> unread_;  // readings_ as they were before a rehearsal
};

}  // namespace vmitap::pipeline
