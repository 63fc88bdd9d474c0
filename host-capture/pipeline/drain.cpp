// SPDX-License-Identifier: MIT
#include "pipeline/drain.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "base/error_text.hpp"
#include "types/catalog_proto.hpp"

namespace vmitap::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRecordsPerBatch = 256;
constexpr std::size_t kValuesPerBatch = std::size_t{4} << 20;  // bytes; a single record may exceed them
constexpr auto kSpin = 50us;                                   // how long to look again before sleeping
constexpr auto kHousekeeping = 500ms;
constexpr std::size_t kFinalRecords = std::size_t{1} << 20;  // what the rings may still bring at the end
constexpr std::uint64_t kDropsMax = std::uint64_t{1} << 40;  // between two looks: hours of nothing but drops
constexpr auto kFarewell = 8s;      // for a guest to answer that its triggers are off
constexpr auto kLastFires = 100ms;  // how long a thread may take to end a fire when the capture ends

enum Source : std::uint32_t { kWake, kTimer, kDoorbell };

std::uint64_t source(Source kind, std::uint32_t guest = 0) { return std::uint64_t{kind} << 32 | guest; }

const char* words(ring::RingError error) {
  switch (error) {
    case ring::RingError::none:
      return "none";
    case ring::RingError::commit_word:
      return "a commit word that no producer writes there";
    case ring::RingError::slot_count:
      return "a record of no slots, or of too many";
    case ring::RingError::payload_size:
      return "a payload that does not fit its slots";
    case ring::RingError::continuation:
      return "a slot that does not belong to its record";
    case ring::RingError::head:
      return "a head outside of the ring";
  }
  return "unknown";
}

void swallow(int fd) {
  std::uint64_t value;
  [[maybe_unused]] const auto ignored = ::read(fd, &value, sizeof value);
}

}  // namespace

Result<std::unique_ptr<Drain>> Drain::make(std::vector<DrainGuest> guests, const Options& options,
                                           ChannelId next_channel, StageQueue<Batch>& to_snapshot,
                                           Counters& counters) {
  std::unique_ptr<Drain> drain(new Drain(std::move(guests), options, next_channel, to_snapshot, counters));
  drain->epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  drain->timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  drain->wake_ = Fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  const auto watch = [&](int fd, std::uint64_t what) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = what}};
    return ::epoll_ctl(drain->epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  bool good = drain->epoll_ && drain->timer_ && drain->wake_ && watch(drain->timer_.get(), source(kTimer)) &&
              watch(drain->wake_.get(), source(kWake));
  for (std::uint32_t i = 0; i < drain->guests_.size(); ++i) {
    DrainGuest& guest = drain->guests_[i];
    guest.objects = guest.plans->objects().size();
    guest.rules = guest.plans->rules().size();
    guest.sites = guest.plans->sites().size();
    good = good && watch(guest.guest->doorbell(), source(kDoorbell, i));
  }
  if (!good) return fail({.code = Errc::system, .operation = "epoll", .sys = errno});
  const auto now = Clock::now();
  for (std::size_t i = 0; i < options.rules.size(); ++i)
    if (options.rules[i].every.count() > 0)
      drain->timers_.push_back(
          {.rule = i, .every = options.rules[i].every, .due = now + options.rules[i].every});
  drain->busy_ = drain->housekept_ = now;
  return drain;
}

void Drain::take_controls(const std::vector<std::unique_ptr<Control>>& controls) {
  for (std::size_t i = 0; i < guests_.size(); ++i) guests_[i].control = controls[i].get();
}

void Drain::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = ::write(wake_.get(), &one, sizeof one);
}

void Drain::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  wake();
}

void Drain::fire_manual() noexcept {
  manual_.fetch_add(1, std::memory_order_relaxed);
  wake();
}

void Drain::on_news() noexcept {
  has_news_.store(true, std::memory_order_release);
  wake();
}

std::string Drain::run() {
  while (!stopping_.load(std::memory_order_relaxed)) {
    // None free: a later stage is slow. The rings fill meanwhile, and their producers count what they drop.
    if (!spare_) spare_ = to_snapshot_.take_empty_for(20ms);
    if (!spare_) continue;
    if (collect(*spare_)) {
      for (const DrainGuest& guest : guests_) spare_->clocks.push_back(guest.clock);
      to_snapshot_.pass(std::move(spare_));
      busy_ = Clock::now();
      continue;
    }
    if (std::ranges::all_of(guests_, &DrainGuest::gone)) break;
    const auto now = Clock::now();
    if (is_planning_ || now - busy_ < kSpin) {
      std::this_thread::yield();  // to the stages behind, or to the guest, where cores are few
    } else {
      sleep(now);
    }
  }
  finish();
  return ended_by_;
}

void Drain::give_up() noexcept {
  std::unique_ptr<Batch> batch = spare_ ? std::move(spare_) : to_snapshot_.take_empty();
  batch->clear();
  batch->last = true;
  to_snapshot_.pass(std::move(batch));
}

bool Drain::collect(Batch& batch) {
  batch.clocks.clear();
  bool any = drain_rings(batch) > 0;
  const auto now = Clock::now();
  tick(batch, now);
  fire_by_hand(batch);
  if (has_news_.load(std::memory_order_relaxed)) {
    hear();
    is_planning_ = true;
  }
  if (is_planning_) {
    is_planning_ = false;
    for (std::uint32_t i = 0; i < guests_.size(); ++i)
      is_planning_ = plan_new_sites(batch, i) || is_planning_;
  }
  if (now - housekept_ >= kHousekeeping) housekeeping(batch, now);
  any = any || !batch.events.empty() || !batch.losses.empty() || !batch.announcements.empty() || batch.flush;
  return any;
}

std::size_t Drain::drain_rings(Batch& batch) {
  std::size_t total = 0;
  for (std::uint32_t i = 0; i < guests_.size(); ++i) {
    DrainGuest& guest = guests_[i];
    if (guest.gone) continue;
    const std::size_t fit = std::clamp<std::size_t>(
        kValuesPerBatch / std::max<std::size_t>(guest.plans->values_size_max(), 1), 1, kRecordsPerBatch);
    const std::size_t most = std::min({fit, guest.last_words.value_or(fit), guest.allowance.value_or(fit)});
    if (most == 0) continue;
    const std::size_t count = guest.consumer->drain(most, [&](const ring::Record& record) {
      const SitePlan* site = guest.plans->site(TriggerId{record.trigger});
      if (site == nullptr || record.payload.size() < site->arguments_size) {
        lose(i, Loss::RING_ERROR, 1, record.ring,
             site == nullptr ? "a record of an unknown trigger" : "a record shorter than its arguments");
        return;
      }
      const auto payload = record.payload.first(std::min(record.payload.size(), site->payload_size));
      batch.events.push_back({.guest = i,
                              .site = site,
                              .ring = record.ring,
                              .thread = record.owner,
                              .ticks = record.tsc,
                              .sync_ticket = record.sync_ticket(),
                              .lost = record.lost,
                              .flags = record.flags,
                              .payload_offset = batch.payloads.size(),
                              .payload_size = payload.size()});
      batch.payloads.insert(batch.payloads.end(), payload.begin(), payload.end());
    });
    total += count;
    if (guest.allowance) *guest.allowance -= count;
    if (!guest.last_words) continue;
    *guest.last_words -= count;
    if (*guest.last_words == 0 || (count == 0 && !has_records(guest))) bury(batch, i);
  }
  return total;
}

void Drain::fire_by_hand(Batch& batch) {
  for (std::uint32_t manual = manual_.exchange(0, std::memory_order_relaxed); manual > 0; --manual)
    for (std::uint32_t i = 0; i < guests_.size(); ++i)
      if (!guests_[i].gone && !guests_[i].last_words && guests_[i].plans->manual() != nullptr)
        fire(batch, i, *guests_[i].plans->manual());
}

void Drain::fire(Batch& batch, std::uint32_t guest, const SitePlan& site) {
  batch.events.push_back({.guest = guest, .site = &site, .ticks = guests_[guest].guest->ticks()});
}

void Drain::tick(Batch& batch, Clock::time_point now) {
  for (Timer& timer : timers_) {
    if (now < timer.due) continue;
    const auto missed = (now - timer.due) / timer.every;
    timer.due += timer.every * (missed + 1);
    for (std::uint32_t i = 0; i < guests_.size(); ++i) {
      const SitePlan* site = guests_[i].plans->timer(timer.rule);
      if (guests_[i].gone || guests_[i].last_words || site == nullptr) continue;
      fire(batch, i, *site);
      if (missed > 0)
        lose(i, Loss::MISSED_TICK, static_cast<std::uint64_t>(missed), 0,
             site->feeds.front().rule->channel_name);
    }
  }
}

void Drain::housekeeping(Batch& batch, Clock::time_point now) {
  housekept_ = now;
  for (DrainGuest& guest : guests_)
    if (!guest.gone) guest.clock = guest.guest->clock();
  collect_losses(batch);
  batch.flush = true;
}

void Drain::collect_losses(Batch& batch) {
  for (std::uint32_t i = 0; i < guests_.size(); ++i) {
    losses_.clear();
    latched_.clear();
    guests_[i].consumer->take_losses(losses_);
    guests_[i].consumer->take_errors(latched_);
    for (const auto& loss : losses_) {
      if (loss.count > kDropsMax) {
        lose(i, Loss::RING_ERROR, 1, loss.ring, "a count of drops that no guest can reach");
      } else {
        lose(i, loss.ringless ? Loss::NO_RING : Loss::RING_FULL, loss.count, loss.ring);
      }
    }
    for (const auto& error : latched_)
      lose(i, Loss::RING_ERROR, 1, error.ring,
           std::string(words(error.error)) + " at position " + std::to_string(error.position));
  }
  for (auto& [place, loss] : pending_losses_) batch.losses.push_back(std::move(loss));
  pending_losses_.clear();
}

void Drain::lose(std::uint32_t guest, Loss::Reason reason, std::uint64_t count, std::uint32_t ring,
                 std::string detail) {
  if (count == 0) return;
  if (reason != Loss::MISSED_TICK) add(counters_.lost, count);
  const auto [place, is_new] = pending_losses_.try_emplace({guest, reason, ring, std::move(detail)});
  Loss& loss = place->second;
  loss.set_count(loss.count() + count);
  if (!is_new) return;
  loss.set_reason(reason);
  loss.set_guest(guests_[guest].name);
  loss.set_ring(ring);
  loss.set_detail(std::get<3>(place->first));
  loss.set_time_ns(
      static_cast<std::uint64_t>(guests_[guest].clock.realtime_ns(guests_[guest].guest->ticks())));
}

void Drain::sleep(Clock::time_point now) {
  for (DrainGuest& guest : guests_)
    if (!guest.gone) guest.consumer->prepare_sleep();
  for (DrainGuest& guest : guests_)
    if (!guest.gone) guest.guest->fence();
  const bool pending = std::ranges::any_of(guests_, [](DrainGuest& guest) {
    return !guest.gone && (guest.last_words || guest.consumer->pending());
  });
  if (!pending) {
    auto until = housekept_ + kHousekeeping;
    for (const Timer& timer : timers_) until = std::min(until, timer.due);
    if (until > now) {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(until - now).count();
      const itimerspec when{.it_interval = {},
                            .it_value = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000}};
      ::timerfd_settime(timer_.get(), 0, &when, nullptr);
      std::array<epoll_event, 16> events;
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const std::uint64_t what = events[static_cast<std::size_t>(i)].data.u64;
        DrainGuest& guest = guests_[static_cast<std::uint32_t>(what)];
        switch (static_cast<Source>(what >> 32)) {
          case kWake:
            swallow(wake_.get());
            break;
          case kTimer:
            swallow(timer_.get());
            break;
          case kDoorbell:
            guest.guest->clear_doorbell();
            break;
        }
      }
    }
  }
  for (DrainGuest& guest : guests_)
    if (!guest.gone) guest.consumer->cancel_sleep();
}

void Drain::hear() {
  has_news_.exchange(false, std::memory_order_acquire);
  for (std::uint32_t i = 0; i < guests_.size(); ++i) {
    DrainGuest& guest = guests_[i];
    while (auto news = guest.control->next()) {
      if (guest.gone || guest.last_words) continue;
      if (std::holds_alternative<Control::Gone>(*news)) {
        guest.last_words = kFinalRecords;
      } else if (std::holds_alternative<Control::Disarmed>(*news)) {
        guest.disarmed = true;
      } else if (auto* listing = std::get_if<Listing>(&*news)) {
        guest.plans->update(std::move(*listing));
      } else {
        lose_new_triggers(i, std::get<Error>(*news));
      }
    }
  }
}

// Committed records that drain() has yet to find: it looks at the rings that fall asleep one by one.
bool Drain::has_records(DrainGuest& guest) {
  guest.consumer->prepare_sleep();
  guest.guest->fence();
  const bool pending = guest.consumer->pending();
  guest.consumer->cancel_sleep();
  return pending;
}

// What a guest left behind committed was captured like everything else.
void Drain::bury(Batch& batch, std::uint32_t index) {
  DrainGuest& guest = guests_[index];
  lose(index, Loss::UNFINISHED, guest.consumer->unfinished(), 0, guest.guest->epitaph());
  collect_losses(batch);
  guest.gone = true;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, guest.guest->doorbell(), nullptr);
  GuestEnd end;
  end.set_guest(guest.name);
  end.set_how(guest.guest->epitaph());
  end.set_time_ns(static_cast<std::uint64_t>(guest.clock.realtime_ns(guest.guest->ticks())));
  ended_by_ = "guest " + end.guest() + " " + end.how();
  on_end_(std::move(end));
}

// A little of it, as the rings of all guests wait meanwhile; false if nothing is left.
bool Drain::plan_new_sites(Batch& batch, std::uint32_t index) {
  DrainGuest& guest = guests_[index];
  if (guest.gone || guest.last_words) return false;
  Plans& plans = *guest.plans;
  auto announcement = std::make_shared<Announcement>();
  if (const auto& all = plans.objects(); guest.objects < all.size()) {
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(guest.objects++);
    const bool known =
        std::any_of(all.begin(), at, [&](const auto& other) { return other.catalog == at->catalog; });
    if (!known) types::to_proto(*at->catalog, announcement->catalogs.emplace_back());
  } else if (plans.is_updating()) {
    if (const auto planned = plans.step(options_, next_channel_); !planned)
      lose_new_triggers(index, planned.error());
    for (; guest.rules < plans.rules().size(); ++guest.rules)
      announcement->channels.push_back(channel_of(plans.rules()[guest.rules]));
  } else {
    std::vector<backend::ArmRequest> arm;
    for (; guest.sites < plans.sites().size(); ++guest.sites) arm.push_back(plans.sites()[guest.sites].arm);
    if (!arm.empty()) guest.control->arm(std::move(arm));
    return false;
  }
  if (!announcement->channels.empty() || !announcement->catalogs.empty())
    batch.announcements.push_back(std::move(announcement));
  return true;
}

void Drain::lose_new_triggers(std::uint32_t index, const Error& why) {
  lose(index, why.code == Errc::protocol ? Loss::RING_ERROR : Loss::NOT_WATCHED, 1, 0,
       "triggers of a new object are not captured: " + describe(why));
}

// No record waits in a ring, and no thread is in the midst of one.
bool Drain::all_quiet() {
  return std::ranges::all_of(guests_, [](DrainGuest& guest) {
    return guest.gone || guest.allowance == 0u || (!has_records(guest) && guest.consumer->unfinished() == 0);
  });
}

std::unique_ptr<Batch> Drain::empty_batch() {
  std::unique_ptr<Batch> batch = spare_ ? std::move(spare_) : to_snapshot_.take_empty();
  batch->clocks.clear();
  for (const DrainGuest& guest : guests_) batch->clocks.push_back(guest.clock);
  return batch;
}

// What the rings brought goes on; false if that was nothing.
bool Drain::hand_on(std::unique_ptr<Batch>& batch) {
  if (drain_rings(*batch) == 0) return false;
  to_snapshot_.pass(std::exchange(batch, empty_batch()));
  return true;
}

// Meanwhile the rings are looked after: a guest that takes its time costs the others nothing.
void Drain::disarm_all(std::unique_ptr<Batch>& batch) {
  for (DrainGuest& guest : guests_) {
    std::vector<TriggerId> triggers;
    for (std::size_t i = 0; i < guest.sites; ++i) triggers.push_back(guest.plans->sites()[i].id);
    guest.control->disarm(std::move(triggers));
  }
  const auto over = [](const DrainGuest& guest) { return guest.gone || guest.last_words || guest.disarmed; };
  for (const auto until = Clock::now() + kFarewell;
       !std::ranges::all_of(guests_, over) && Clock::now() < until;) {
    hear();
    if (!hand_on(batch)) std::this_thread::sleep_for(kSpin);
  }
}

// What the user fired last, triggers off, then what the rings still hold.
void Drain::finish() {
  std::unique_ptr<Batch> batch = empty_batch();
  fire_by_hand(*batch);
  disarm_all(batch);
  // Who fires on although its triggers are off gets no more than its rings could hold at that moment.
  for (DrainGuest& guest : guests_)
    if (!guest.gone && !guest.last_words) guest.allowance = guest.consumer->capacity();
  for (const auto patience = Clock::now() + kLastFires;;) {
    if (hand_on(batch)) continue;
    if (all_quiet() || Clock::now() > patience) break;
    std::this_thread::sleep_for(kSpin);
  }
  for (std::uint32_t i = 0; i < guests_.size(); ++i)
    if (!guests_[i].gone)
      lose(i, Loss::UNFINISHED, guests_[i].consumer->unfinished(), 0, "the capture ended in the midst of it");
  collect_losses(*batch);
  batch->last = true;
  to_snapshot_.pass(std::move(batch));
}

}  // namespace vmitap::pipeline
