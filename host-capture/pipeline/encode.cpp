// SPDX-License-Identifier: MIT
#include "pipeline/encode.hpp"

#include <bit>
#include <cstring>

namespace vmitap::pipeline {
namespace {

constexpr std::size_t kPiece = std::size_t{4} << 20;  // bytes; a single record may exceed them
constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kDelimited = 2;

void put_varint(types::BackWriter& out, int field, std::uint64_t value) {
  out.varint(value);
  out.tag(static_cast<std::uint32_t>(field), kVarint);
}

void put_fixed64(types::BackWriter& out, int field, std::uint64_t value) {
  std::memcpy(out.reserve(sizeof value), &value, sizeof value);
  out.tag(static_cast<std::uint32_t>(field), kFixed64);
}

void put_text(types::BackWriter& out, int field, std::string_view text) {
  out.raw(std::as_bytes(std::span(text)));
  out.varint(text.size());
  out.tag(static_cast<std::uint32_t>(field), kDelimited);
}

// Puts length and tag in front of what was written since the buffer held `before` bytes.
void put_prefix(types::BackWriter& out, int field, std::size_t before) {
  out.varint(out.size() - before);
  out.tag(static_cast<std::uint32_t>(field), kDelimited);
}

std::uint64_t span_ns(const backend::ClockMap& clock, std::uint64_t from, std::uint64_t to) {
  return to > from ? static_cast<std::uint64_t>(static_cast<double>(to - from) * clock.ns_per_tick) : 0;
}

}  // namespace

std::size_t Encoder::encode(const Batch& batch, std::size_t from, EncodedBatch& out) {
  if (from == 0) {
    out.losses.insert(out.losses.end(), batch.losses.begin(), batch.losses.end());
    out.announcements = batch.announcements;
  }
  std::size_t next = from;
  for (; next < batch.shots.size() && out.bytes.size() < kPiece; ++next) {
    const Shot& shot = batch.shots[next];
    writer_.clear();
    encode_shot(batch, shot);
    const auto bytes = writer_.bytes();
    const Event& event = batch.events[shot.event];
    out.records.push_back(
        {.channel = shot.rule->channel,
         .time_ns = static_cast<std::uint64_t>(batch.clocks[event.guest].realtime_ns(event.ticks)),
         .offset = out.bytes.size(),
         .size = bytes.size(),
         .fallback = shot.fallback});
    out.bytes.insert(out.bytes.end(), bytes.begin(), bytes.end());
  }
  if (next == batch.shots.size()) {
    out.flush = batch.flush;
    out.last = batch.last;
  }
  return next;
}

// The last field first.
void Encoder::encode_shot(const Batch& batch, const Shot& shot) {
  const RulePlan& rule = *shot.rule;
  const Event& event = batch.events[shot.event];
  if (!rule.values.empty()) {
    const auto values = std::span(batch.values).subspan(shot.values_offset, rule.values_size);
    const std::size_t before = writer_.size();
    for (std::size_t i = rule.values.size(); i-- > 0;)
      if ((shot.unread >> i & 1) == 0)
        rule.schema.values[i].encode(
            values.subspan(rule.value_offsets[i], rule.schema.values[i].value_size()), writer_);
    put_prefix(writer_, types::kValuesField, before);
  }
  const auto payload = batch.payload(event);
  if (!rule.schema.args.empty() && payload.size() >= rule.schema.args.value_size())
    rule.schema.args.encode(payload.first(rule.schema.args.value_size()), writer_);
  const std::size_t before = writer_.size();
  facts(batch, shot);
  put_prefix(writer_, types::kFactsField, before);
}

void Encoder::facts(const Batch& batch, const Shot& shot) {
  const Event& event = batch.events[shot.event];
  const backend::ClockMap& clock = batch.clocks[event.guest];
  if (shot.fallback == Facts::PAUSE_FAILED)
    put_text(writer_, Facts::kFallbackDetailFieldNumber, batch.pause_problems[event.guest]);
  if (shot.fallback != Facts::FALLBACK_UNSPECIFIED)
    put_varint(writer_, Facts::kFallbackFieldNumber, static_cast<std::uint64_t>(shot.fallback));
  if (!guest_names_[event.guest].empty())
    put_text(writer_, Facts::kGuestFieldNumber, guest_names_[event.guest]);
  for (std::size_t i = shot.rule->values.size(); i-- > 0;) {
    if ((shot.unread >> i & 1) == 0) continue;
    const std::uint64_t below = shot.unread & ((std::uint64_t{1} << i) - 1);
    const Failure& failure =
        batch.failures[shot.failures_at + static_cast<std::size_t>(std::popcount(below))];
    const std::size_t before = writer_.size();
    if (failure.address) put_fixed64(writer_, Unread::kAddressFieldNumber, *failure.address);
    put_varint(writer_, Unread::kReasonFieldNumber, static_cast<std::uint64_t>(failure.reason));
    put_text(writer_, Unread::kValueFieldNumber, shot.rule->values[i].expression);
    put_prefix(writer_, Facts::kUnreadFieldNumber, before);
  }
  if (event.lost > 0) put_varint(writer_, Facts::kLostBeforeFieldNumber, event.lost);
  if (shot.mode == PAUSED) put_varint(writer_, Facts::kPauseNsFieldNumber, shot.pause_ns);
  if (shot.mode == PAUSED || shot.mode == LIVE)
    put_varint(writer_, Facts::kSkidNsFieldNumber, span_ns(clock, event.ticks, shot.taken_ticks));
  put_varint(writer_, Facts::kModeFieldNumber, static_cast<std::uint64_t>(shot.mode));
  if (event.thread != 0) put_varint(writer_, Facts::kThreadFieldNumber, event.thread);
  put_fixed64(writer_, Facts::kMonotonicNsFieldNumber,
              static_cast<std::uint64_t>(clock.monotonic_ns(event.ticks)));
  put_fixed64(writer_, Facts::kTimeNsFieldNumber, static_cast<std::uint64_t>(clock.realtime_ns(event.ticks)));
  put_varint(writer_, Facts::kSequenceFieldNumber, ++shot.rule->sequence);
  put_text(writer_, Facts::kTriggerFieldNumber, event.site->trigger);
}

}  // namespace vmitap::pipeline
