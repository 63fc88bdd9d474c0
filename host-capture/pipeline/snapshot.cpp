// SPDX-License-Identifier: MIT
#include "pipeline/snapshot.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error_text.hpp"

namespace vmitap::pipeline {
namespace {

std::uint64_t load_u64(std::span<const std::byte> bytes, std::size_t offset) {
  std::uint64_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::uint64_t all_of(const RulePlan& rule) {
  const std::size_t count = rule.values.size();
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

// The arguments are followed by a bitmap: which values the guest could copy, the feed's first in bit 0. A
// feed without any may stand behind 64 of others.
std::uint64_t copied_from(std::span<const std::byte> payload, const SitePlan& site, const Feed& feed) {
  return feed.inline_first < 64 ? load_u64(payload, site.arguments_size) >> feed.inline_first : 0;
}

}  // namespace

void Snapshotter::take(Batch& batch) {
  forget();
  plan_shots(batch);
  take_inline(batch);
  // Threads wait for these.
  for (std::uint32_t guest = 0; guest < guests_.size(); ++guest) take_sync(batch, guest);
  for (std::uint32_t guest = 0; guest < guests_.size(); ++guest) {
    take_paused(batch, guest);
    take_live(batch, guest);
  }
}

void Snapshotter::plan_shots(Batch& batch) {
  std::size_t size = 0;
  for (std::uint32_t event = 0; event < batch.events.size(); ++event) {
    for (const Feed& feed : batch.events[event].site->feeds) {
      if (feed.one_in > 1 && feed.passed++ % feed.one_in != 0) continue;
      const RulePlan& rule = *feed.rule;
      batch.shots.push_back({.event = event, .rule = &rule, .mode = rule.mode, .values_offset = size});
      size += rule.values_size + rule.guards_size;
    }
  }
  batch.values.resize(size);
}

// The guest copied these itself.
void Snapshotter::take_inline(Batch& batch) {
  for (Shot& shot : batch.shots) {
    if (shot.mode != INLINE) continue;
    const Event& event = batch.events[shot.event];
    const SitePlan& site = *event.site;
    const Feed& feed = *std::ranges::find(site.feeds, shot.rule, &Feed::rule);
    const std::size_t values_at = site.arguments_size + sizeof(std::uint64_t);
    const auto payload = batch.payload(event);
    const std::size_t from = values_at + feed.inline_offset;
    if ((event.flags & VMITAP_RECORD_INLINE) == 0 || payload.size() < from + shot.rule->values_size) {
      shot.unread = all_of(*shot.rule);
    } else {
      const std::uint64_t good = copied_from(payload, site, feed);
      shot.unread = ~good & all_of(*shot.rule);
      std::memcpy(batch.values.data() + shot.values_offset, payload.data() + from, shot.rule->values_size);
    }
    shot.failures_at = batch.failures.size();
    batch.failures.resize(shot.failures_at + static_cast<std::size_t>(std::popcount(shot.unread)));
  }
}

void Snapshotter::take_sync(Batch& batch, std::uint32_t index) {
  SnapshotGuest& guest = guests_[index];
  bool any = false;
  for (std::uint32_t i = 0; i < batch.shots.size(); ++i) {
    if (batch.events[batch.shots[i].event].guest != index || batch.shots[i].mode != SYNC) continue;
    begin(batch, i);
    any = true;
  }
  if (any && ask(batch)) read_all(batch, *guest.guest);
  const std::uint64_t now = guest.guest->ticks();
  for (Shot& shot : batch.shots) {
    const Event& event = batch.events[shot.event];
    if (event.guest != index || shot.mode != SYNC) continue;
    shot.taken_ticks = now;
    // Asked after the reads: if the thread had gone on before they ended, it said so first.
    const bool waited = (event.flags & VMITAP_RECORD_SYNC) != 0 &&
                        !guest.consumer->sync_abandoned(event.ring, event.sync_ticket);
    if (!waited) {
      shot.mode = LIVE;
      shot.fallback =
          (event.flags & VMITAP_RECORD_SYNC) != 0 ? Facts::GAVE_UP_WAITING : Facts::COULD_NOT_WAIT;
    }
  }
  if (any) finish(batch, *guest.guest);
  for (const Event& event : batch.events) {
    if (event.guest != index || (event.flags & VMITAP_RECORD_SYNC) == 0) continue;
    guest.consumer->answer_sync(event.ring, event.sync_ticket);
    if (guest.consumer->needs_wake(event.ring)) guest.guest->wake(RingIndex{event.ring});
  }
}

void Snapshotter::take_paused(Batch& batch, std::uint32_t index) {
  SnapshotGuest& guest = guests_[index];
  bool any = false;
  for (std::uint32_t i = 0; i < batch.shots.size(); ++i) {
    if (batch.events[batch.shots[i].event].guest != index || batch.shots[i].mode != PAUSED) continue;
    begin(batch, i);
    any = true;
  }
  if (!any) return;

  if (!guest.budget.allows(PauseBudget::Clock::now())) return fall_back(batch, index, Facts::OVER_BUDGET);
  ask(batch);
  if (guest.guest->reads_ahead()) rehearse(batch, *guest.guest);
  const std::lock_guard window_open(window_);
  const auto start = PauseBudget::Clock::now();
  auto pause = backend::PauseGuard::pause(*guest.guest);
  if (!pause) {
    // Threads that had stopped before it failed have lost that time.
    guest.budget.spend(PauseBudget::Clock::now() - start);
    batch.pause_problems.resize(guests_.size());
    batch.pause_problems[index] = describe(pause.error()) + "; " + remedy(pause.error());
    return fall_back(batch, index, Facts::PAUSE_FAILED);
  }
  const std::uint64_t consistent_at = guest.guest->ticks();
  read_all(batch, *guest.guest);
  pause->unpause();
  const auto window = PauseBudget::Clock::now() - start;
  const bool stood_still = guest.guest->stood_still();

  guest.budget.spend(window);
  add(counters_.pauses, 1);
  add(counters_.paused_ns, static_cast<std::uint64_t>(std::chrono::nanoseconds(window).count()));
  for (Shot& shot : batch.shots) {
    if (batch.events[shot.event].guest != index || shot.mode != PAUSED) continue;
    shot.taken_ticks = consistent_at;
    shot.pause_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(window).count());
    if (stood_still) continue;
    shot.mode = LIVE;
    shot.fallback = Facts::PAUSE_FAILED;
  }
  if (!stood_still) {
    batch.pause_problems.resize(guests_.size());
    batch.pause_problems[index] =
        "what was read is not of one moment: a page was not there, another one came in its place, or "
        "somebody else let "
        "the guest run";
  }
  finish(batch, *guest.guest);
}

// What was to be PAUSED is taken LIVE with the rest.
void Snapshotter::fall_back(Batch& batch, std::uint32_t index, Facts::Fallback why) {
  for (Shot& shot : batch.shots) {
    if (batch.events[shot.event].guest != index || shot.mode != PAUSED) continue;
    shot.mode = LIVE;
    shot.fallback = why;
  }
  forget();
}

void Snapshotter::take_live(Batch& batch, std::uint32_t index) {
  bool any = false;
  for (std::uint32_t i = 0; i < batch.shots.size(); ++i) {
    // A SYNC record that was not waited for is LIVE already, and read.
    if (batch.events[batch.shots[i].event].guest != index || batch.shots[i].mode != LIVE ||
        batch.shots[i].taken_ticks != 0)
      continue;
    begin(batch, i);
    any = true;
  }
  if (!any) return;
  if (ask(batch)) read_all(batch, *guests_[index].guest);
  const std::uint64_t now = guests_[index].guest->ticks();
  for (const Reading& reading : readings_) batch.shots[reading.shot].taken_ticks = now;
  finish(batch, *guests_[index].guest);
}

// Everything that can be known before a pause: static addresses, and the first pointer where it is an
// argument.
void Snapshotter::begin(Batch& batch, std::uint32_t index) {
  const Shot& shot = batch.shots[index];
  const auto payload = batch.payload(batch.events[shot.event]);
  for (std::uint32_t i = 0; i < shot.rule->values.size(); ++i) {
    const vmitap_fetch& fetch = shot.rule->values[i].fetch;
    Reading reading{.fetch = &fetch,
                    .shot = index,
                    .value = i,
                    .into = shot.values_offset + shot.rule->value_offsets[i],
                    .same_as = static_cast<std::uint32_t>(readings_.size())};
    if (fetch.base == VMITAP_FETCH_PACKET) {
      if (take_packet(batch, shot, reading)) continue;
      reading.failure.emplace();
    } else if (fetch.base == VMITAP_FETCH_ADDRESS) {
      reading.address = fetch.origin;
      // All records of a batch share one snapshot of what they have in common.
      reading.same_as = first_of_.try_emplace(&fetch, reading.same_as).first->second;
    } else if (fetch.hops == 0) {
      if (payload.size() >= fetch.origin + fetch.size) {
        std::memcpy(batch.values.data() + reading.into, payload.data() + fetch.origin, fetch.size);
        continue;
      }
      reading.failure.emplace();
    } else if (payload.size() >= fetch.origin + sizeof(std::uint64_t)) {
      follow(reading, load_u64(payload, fetch.origin));
    } else {
      reading.failure.emplace();
    }
    readings_.push_back(reading);
  }
  begin_guards(shot, index, payload);
}

void Snapshotter::begin_guards(const Shot& shot, std::uint32_t index, std::span<const std::byte> payload) {
  for (std::uint32_t i = 0; i < shot.rule->guards.size(); ++i) {
    const Guard& guard = shot.rule->guards[i];
    if (payload.size() < guard.fetch.origin + sizeof(std::uint64_t)) continue;
    const std::uint64_t pointer = load_u64(payload, guard.fetch.origin);
    if (pointer == 0) continue;
    Reading reading{.fetch = &guard.fetch,
                    .shot = index,
                    .value = i,
                    .into = shot.values_offset + shot.rule->values_size + guard.offset,
                    .same_as = static_cast<std::uint32_t>(readings_.size()),
                    .is_guard = true};
    follow(reading, pointer);
    readings_.push_back(reading);
  }
}

// The packet's bytes stand in the record. False if the guest did not put them there.
bool Snapshotter::take_packet(Batch& batch, const Shot& shot, const Reading& reading) {
  const Event& event = batch.events[shot.event];
  const auto payload = batch.payload(event);
  const Feed& feed = *std::ranges::find(event.site->feeds, shot.rule, &Feed::rule);
  const std::size_t from = event.site->arguments_size + sizeof(std::uint64_t) + feed.inline_offset;
  if ((event.flags & VMITAP_RECORD_INLINE) == 0 || payload.size() < from + reading.fetch->size ||
      (copied_from(payload, *event.site, feed) & 1) == 0)
    return false;
  std::memcpy(batch.values.data() + reading.into, payload.data() + from, reading.fetch->size);
  return true;
}

// The next pointer on the way: an argument's value, or one that was read.
void Snapshotter::follow(Reading& reading, std::uint64_t pointer) {
  if (pointer == 0) reading.failure = Failure{.reason = Unread::NULL_POINTER, .address = {}};
  reading.address = pointer + static_cast<std::uint64_t>(reading.fetch->add[reading.hop]);
  ++reading.hop;
}

// Puts together what is to be read next: all pointers of one depth, and the values that they lead to. False
// if nothing is left.
bool Snapshotter::ask(Batch& batch) {
  requests_.clear();
  requested_.clear();
  for (std::uint32_t i = 0; i < readings_.size(); ++i) {
    Reading& reading = readings_[i];
    if (reading.is_guard != at_guards_ || reading.failure || reading.same_as != i ||
        reading.hop > reading.fetch->hops)
      continue;
    const bool value = reading.hop == reading.fetch->hops;
    const auto into = value ? std::span(batch.values).subspan(reading.into, reading.fetch->size)
                            : std::as_writable_bytes(std::span(&reading.pointer, 1));
    requests_.push_back({.from = GuestVirt{reading.address}, .into = into});
    requested_.push_back(i);
  }
  return !requests_.empty();
}

// Takes what was read. True if pointers came that lead on.
bool Snapshotter::answer() {
  bool more = false;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    Reading& reading = readings_[requested_[i]];
    if (const auto status = requests_[i].status; status != backend::ReadStatus::ok) {
      reading.failure =
          Failure{.reason = status == backend::ReadStatus::no_room ? Unread::NO_ROOM : Unread::UNREADABLE,
                  .address = reading.address};
    } else if (reading.hop < reading.fetch->hops) {
      follow(reading, reading.pointer);
      more = true;
    } else {
      ++reading.hop;
    }
  }
  return more;
}

// Level by level. The first was asked for before.
void Snapshotter::read_levels(Batch& batch, backend::Guest& guest) {
  for (bool more = !requests_.empty(); more; more = answer() && ask(batch)) guest.read(requests_);
}

// Guards come last: what still is what it was then, was it when the values were read.
void Snapshotter::read_all(Batch& batch, backend::Guest& guest) {
  read_levels(batch, guest);
  at_guards_ = true;
  if (ask(batch)) read_levels(batch, guest);
  at_guards_ = false;
}

bool Snapshotter::holds(const Batch& batch, const Reading& reading) {
  if (reading.failure) return false;
  const Shot& shot = batch.shots[reading.shot];
  const Guard& guard = shot.rule->guards[reading.value];
  const auto is = std::span(batch.values).subspan(reading.into, guard.fetch.size);
  if (guard.is_count) return std::ranges::any_of(is, [](std::byte each) { return each != std::byte{}; });
  const auto payload = batch.payload(batch.events[shot.event]);
  return payload.size() >= guard.was_at + is.size() &&
         std::memcmp(is.data(), payload.data() + guard.was_at, is.size()) == 0;
}

// Right before a pause: the guest finds the pages, so that the pause need not.
void Snapshotter::rehearse(Batch& batch, backend::Guest& guest) {
  unread_ = readings_;
  guest.rehearse();
  read_all(batch, guest);
  readings_ = unread_;
  ask(batch);
}

// A guard that this host had no room to read tells nothing of its values, which stand before it: they are
// unread for its reason.
void Snapshotter::hand_down(const Batch& batch, std::size_t guard) {
  const Reading& from = readings_[guard];
  const std::uint64_t guarded = batch.shots[from.shot].rule->guards[from.value].guarded;
  for (std::size_t i = guard; i-- > 0 && readings_[i].shot == from.shot;)
    if (!readings_[i].is_guard && (guarded >> readings_[i].value & 1) != 0)
      readings_[i].failure = from.failure;
}

// After the window: failures are noted, shared values handed out.
void Snapshotter::finish(Batch& batch, const backend::Guest& guest) {
  // What was read from a process that had exec'd meanwhile are another program's bytes.
  const bool gone = !guest.alive();
  for (std::size_t i = 0; i < readings_.size(); ++i) {
    const Reading& reading = readings_[i];
    if (!reading.is_guard || holds(batch, reading)) continue;
    if (reading.failure && reading.failure->reason == Unread::NO_ROOM) {
      hand_down(batch, i);
      continue;
    }
    Shot& shot = batch.shots[reading.shot];
    shot.stale |= shot.rule->guards[reading.value].guarded;
  }
  for (const Reading& reading : readings_) {
    if (reading.is_guard) continue;
    const Reading& source = readings_[reading.same_as];
    Shot& shot = batch.shots[reading.shot];
    const bool stale = (shot.stale >> reading.value & 1) != 0;
    if (source.failure || gone || stale) {
      if (shot.unread == 0) shot.failures_at = batch.failures.size();  // a shot's readings follow each other
      batch.failures.push_back(gone    ? Failure{.reason = Unread::GUEST_GONE, .address = {}}
                               : stale ? Failure{.reason = Unread::STALE, .address = {}}
                                       : *source.failure);
      shot.unread |= std::uint64_t{1} << reading.value;
      std::memset(batch.values.data() + reading.into, 0, reading.fetch->size);
    } else if (&source != &reading) {
      std::memcpy(batch.values.data() + reading.into, batch.values.data() + source.into, reading.fetch->size);
    }
  }
  forget();
}

void Snapshotter::forget() {
  readings_.clear();
  first_of_.clear();
}

}  // namespace vmitap::pipeline
