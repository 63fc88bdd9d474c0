// SPDX-License-Identifier: MIT
// What passes between the stages. A batch is owned by one stage at a time; the queues hand it over.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/guest.hpp"
#include "pipeline/rules.hpp"
#include "pipeline/sink.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::pipeline {

// Channels and catalogs that came up in mid-capture; the sink hears of them before their first record.
struct Announcement {
  std::vector<Channel> channels;
  std::vector<vmitap::Catalog> catalogs;
};

// One trigger that fired.
struct Event {
  std::uint32_t guest = 0;
  const SitePlan* site = nullptr;  // the rules it feeds; for timer and manual a plan without arguments
  std::uint32_t ring = 0;
  std::uint32_t thread = 0;
  std::uint64_t ticks = 0;  // of the guest's clock
  std::uint64_t sync_ticket = 0;
  std::uint32_t lost = 0;
  std::uint8_t flags = 0;  // VMITAP_RECORD_*
  std::size_t payload_offset = 0;
  std::size_t payload_size = 0;
};

// Why a value could not be read.
struct Failure {
  Unread::Reason reason = Unread::UNREADABLE;
  std::optional<std::uint64_t> address;
};

// What one rule got at one event.
struct Shot {
  std::uint32_t event = 0;
  const RulePlan* rule = nullptr;
  Mode mode = MODE_UNSPECIFIED;  // as it was really taken
  Facts::Fallback fallback = Facts::FALLBACK_UNSPECIFIED;
  std::uint64_t taken_ticks = 0;
  std::uint64_t pause_ns = 0;
  std::size_t values_offset = 0;  // RulePlan::values_size bytes of Batch::values, then its guards'
  std::uint64_t unread = 0;       // bit i: value i could not be read
  std::uint64_t stale = 0;        // bit i: value i was read through a pointer that leads elsewhere by now
  std::size_t failures_at = 0;    // why, one in Batch::failures for each bit, from the lowest
};

struct Batch {
  std::vector<Event> events;
  std::vector<std::byte> payloads;
  std::vector<Shot> shots;
  std::vector<std::byte> values;
  std::vector<Failure> failures;
  std::vector<std::string> pause_problems;  // one a guest: why its pause failed, if it did
  std::vector<Loss> losses;
  std::vector<backend::ClockMap> clocks;  // one a guest, as of this batch
  std::vector<std::shared_ptr<const Announcement>> announcements;
  bool flush = false;
  bool last = false;

  void clear() {
    events.clear();
    payloads.clear();
    shots.clear();
    values.clear();
    failures.clear();
    pause_problems.clear();
    losses.clear();
    announcements.clear();
    flush = last = false;
  }
  [[nodiscard]] std::span<const std::byte> payload(const Event& event) const {
    return std::span(payloads).subspan(event.payload_offset, event.payload_size);
  }
};

struct EncodedRecord {
  ChannelId channel = 0;
  std::uint64_t time_ns = 0;
  std::size_t offset = 0;
  std::size_t size = 0;
  Facts::Fallback fallback = Facts::FALLBACK_UNSPECIFIED;
};

struct EncodedBatch {
  static constexpr std::size_t kKept = std::size_t{8} << 20;  // bytes; one that had a giant goes back small

  std::vector<EncodedRecord> records;
  std::vector<std::byte> bytes;
  std::vector<Loss> losses;
  std::vector<std::shared_ptr<const Announcement>> announcements;
  bool flush = false;
  bool last = false;

  void clear() {
    records.clear();
    bytes.clear();
    if (bytes.capacity() > kKept) bytes.shrink_to_fit();
    losses.clear();
    announcements.clear();
    flush = last = false;
  }
};

}  // namespace vmitap::pipeline
