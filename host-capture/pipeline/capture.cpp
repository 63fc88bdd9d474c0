// SPDX-License-Identifier: MIT
#include "pipeline/capture.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <future>
#include <mutex>
#include <new>
#include <semaphore>
#include <system_error>
#include <thread>

#include "base/error_text.hpp"
#include "base/least_privilege.hpp"
#include "pipeline/control.hpp"
#include "pipeline/counters.hpp"
#include "pipeline/drain.hpp"
#include "pipeline/encode.hpp"
#include "pipeline/rules.hpp"
#include "pipeline/snapshot.hpp"
#include "pipeline/stage_queue.hpp"
#include "types/catalog_proto.hpp"

namespace vmitap::pipeline {
namespace {

constexpr std::size_t kPool = 32;  // batches between two stages
constexpr std::size_t kEncodedPool = 8;

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

tl::unexpected<Error> refused_rings(ring::OpenError why, const std::string& guest) {
  Error error{.code = Errc::protocol, .guest = guest};
  switch (why) {
    case ring::OpenError::none:
      break;
    case ring::OpenError::region_too_small:
      error.subject = "its rings are larger than the memory that it shares";
      break;
    case ring::OpenError::magic:
      error.subject = "its shared memory does not begin as rings do";
      break;
    case ring::OpenError::version:
      error.subject = "its rings are of another version";
      break;
    case ring::OpenError::geometry:
      error.subject = "its rings have a shape that no rings can have";
      break;
  }
  return fail(std::move(error));
}

std::string how_left_out(Error why) {
  why.guest.clear();  // it is named already
  return "could not be captured: " + describe(why);
}

}  // namespace

struct Capture::Impl {
  struct Watched {
    std::unique_ptr<backend::Guest> guest;
    std::optional<ring::Consumer> consumer;
    std::unique_ptr<Plans> plans;
    std::string name;
  };

  Options options;
  std::unique_ptr<Sink> sink;
  std::vector<GuestInfo> named;  // all that the user named
  std::vector<Watched> guests;   // those of them that can be captured
  ChannelId next_channel = 1;

  Counters counters;
  StageQueue<Batch> to_snapshot{kPool};
  StageQueue<Batch> to_encode{0};  // the same batches go on; they come back through to_snapshot
  StageQueue<EncodedBatch> to_sink{kEncodedPool};
  std::unique_ptr<Drain> drain;
  std::vector<std::unique_ptr<Control>> controls;  // one a guest
  std::unique_ptr<Snapshotter> snapshotter;
  std::unique_ptr<Encoder> encoder;
  std::vector<std::jthread> threads;

  mutable std::mutex mutex;  // what follows
  std::condition_variable ended;
  bool done = false;
  bool closed = false;
  std::string ended_by;
  std::vector<GuestEnd> guests_ended;
  std::map<std::string, Error> left_out;  // written before begin() has returned
  std::optional<Error> error;
  std::chrono::steady_clock::time_point started;
  std::uint64_t started_ns = 0;

  // The sink thread's.
  std::map<std::string, std::uint64_t> lost;
  std::map<ChannelId, std::uint64_t> channel_records;
  std::map<std::string, std::string> broke_rules;  // guest, and how it began
  std::map<std::string, std::string> not_watched;  // guest, and the first reason

  std::once_flag output_tried;
  Result<void> output_begun;             // of the sink thread after begin_tried
  bool has_begun = false;                // as well
  std::binary_semaphore begin_tried{0};  // from begin() to run_sink()

  enum class Start : std::uint8_t { pending, made, refused };
  std::atomic<Start> start{Start::pending};  // of all stages

  Result<void> prepare();
  Result<void> begin();
  void begin_output();
  Result<void> plan(Watched& watched) const;
  static Result<void> attach(Watched& watched);
  static Result<void> arm(Watched& watched);
  template <class Ask>
  std::vector<Result<void>> ask_each(Ask ask);
  Result<void> keep(const std::vector<Result<void>>& said);
  Result<void> leave_out(const std::vector<Result<void>>& said);
  void note_end(const std::string& guest, const Error& why);
  Result<void> introduce();
  Mode mode_of(const Rule& rule) const;
  Result<void> run();
  void stop(std::string_view why);
  void out_of_memory();
  void lose(Batch& batch, std::size_t count);
  bool has_error() const;
  void run_drain();
  void run_snapshot();
  void run_encode();
  void run_sink();
  Result<void> write(const EncodedBatch& batch);
  void count_fallback(Facts::Fallback why);
  Summary summary() const;
  Result<Summary> close();
};

// Everything that may be refused, before anything is armed. A guest that cannot be had, or has not what the
// rules ask for, costs no other: which of the two it is the guest would choose.
Result<void> Capture::Impl::prepare() {
  for (Watched& watched : guests) {
    const backend::GuestIdentity& identity = watched.guest->identity();
    watched.name = identity.address;
    GuestInfo& info = named.emplace_back();
    info.set_name(identity.address);
    info.set_program(identity.program);
    info.set_id(identity.id);
  }
  for (const auto& [guest, why] : left_out) {
    named.emplace_back().set_name(guest);
    note_end(guest, why);
  }
  auto planned = ask_each([this](Watched& watched) { return plan(watched); });
  for (std::size_t i = 0; i < guests.size(); ++i)
    if (planned[i]) planned[i] = guests[i].plans->resolve(options, next_channel);
  if (auto kept = keep(planned); !kept) return kept;
  return keep(ask_each(attach));
}

Result<void> Capture::Impl::plan(Watched& watched) const {
  auto plans = Plans::read(*watched.guest, options);
  if (!plans) return fail(std::move(plans.error()));
  watched.plans = *std::move(plans);
  return {};
}

Result<void> Capture::Impl::attach(Watched& watched) {
  if (auto attached = watched.guest->attach(); !attached) return attached;
  const auto [guest_region, host_region] = watched.guest->channel();
  auto opened = ring::Consumer::open(guest_region, host_region);
  if (const auto* refused = std::get_if<ring::OpenError>(&opened))
    return refused_rings(*refused, watched.name);
  watched.consumer = std::move(std::get<ring::Consumer>(opened));
  return {};
}

// Side by side: who does not answer is waited for once, and not once more for each of its kind. Where there
// is no thread to be had, libstdc++ takes them one after the other.
template <class Ask>
std::vector<Result<void>> Capture::Impl::ask_each(Ask ask) {
  std::vector<std::future<Result<void>>> asked;
  for (Watched& watched : guests)
    asked.push_back(std::async(std::launch::async | std::launch::deferred, ask, std::ref(watched)));
  std::vector<Result<void>> said;
  for (auto& each : asked) said.push_back(each.get());
  return said;
}

// Goes on with the guests that said yes. The error is the first guest's, if none did.
Result<void> Capture::Impl::keep(const std::vector<Result<void>>& said) {
  if (auto left = leave_out(said); !left) return left;
  std::vector<Watched> kept;
  for (std::size_t i = 0; i < guests.size(); ++i) {
    if (said[i]) {
      kept.push_back(std::move(guests[i]));
      continue;
    }
    note_end(guests[i].name, said[i].error());
  }
  guests = std::move(kept);
  return {};
}

void Capture::Impl::note_end(const std::string& guest, const Error& why) {
  GuestEnd& end = guests_ended.emplace_back();
  end.set_guest(guest);
  end.set_how(how_left_out(why));
  end.set_time_ns(now_ns());
  end.set_left_out(true);
}

Result<void> Capture::Impl::leave_out(const std::vector<Result<void>>& said) {
  if (std::ranges::none_of(said, &Result<void>::has_value)) return said.front();
  const std::lock_guard lock(mutex);
  for (std::size_t i = 0; i < guests.size(); ++i)
    if (!said[i]) left_out.emplace(guests[i].name, said[i].error());
  return {};
}

Result<void> Capture::Impl::arm(Watched& watched) {
  const auto until = std::chrono::steady_clock::now() + kArming;
  for (const SitePlan& site : watched.plans->sites()) {
    if (std::chrono::steady_clock::now() > until)
      return fail({.code = Errc::timeout,
                   .subject = "the guest to switch all its triggers on",
                   .guest = watched.name});
    if (auto armed = watched.guest->arm(site.arm); !armed) return armed;
  }
  return {};
}

// As it was planned; guests of several kinds may take one rule in several modes, and the channels tell each.
Mode Capture::Impl::mode_of(const Rule& rule) const {
  for (const Watched& watched : guests)
    for (const RulePlan& plan : watched.plans->rules())
      if (plan.rule == &rule) return plan.mode;
  return rule.mode.value_or(rule.on.empty() ? PAUSED : SYNC);
}

// The stages run already, so that a SYNC thread does not wait for our start; the sink waits for
// begin_output().
Result<void> Capture::Impl::begin() {
  Result<void> begun;
  try {
    const auto armed = ask_each([this](Watched& watched) {
      auto is_armed = arm(watched);
      if (is_armed) begin_output();
      return is_armed;
    });
    begun = leave_out(armed);
    if (begun) begun = output_begun;
    // Some of its triggers may be on, and have brought something: drain ends it as it ends any guest that
    // goes.
    for (std::size_t i = 0; begun && i < guests.size(); ++i)
      if (!armed[i]) guests[i].guest->give_up(how_left_out(armed[i].error()));
  } catch (const std::bad_alloc&) {
    begun = fail({.code = Errc::system, .operation = "allocate memory to begin", .sys = ENOMEM});
  }
  if (!begun) stop("it could not begin");
  for (const auto& control : controls) control->listen();
  std::call_once(output_tried, [this] { begin_tried.release(); });
  return begun;
}

// Once one guest's triggers are on: what cannot be captured costs no older file, and nobody's records wait
// for a guest that does not answer.
void Capture::Impl::begin_output() {
  std::call_once(output_tried, [this] {
    try {
      output_begun = introduce();
    } catch (const std::bad_alloc&) {
      output_begun = fail({.code = Errc::system, .operation = "allocate memory to begin", .sys = ENOMEM});
    }
    has_begun = output_begun.has_value();
    {
      const std::lock_guard lock(mutex);
      started = std::chrono::steady_clock::now();
      started_ns = now_ns();
    }
    begin_tried.release();
  });
}

Result<void> Capture::Impl::introduce() {
  Session session;
  session.set_vmitap_version(VMITAP_VERSION);
  session.set_time_ns(now_ns());
  session.set_pause_budget(options.pause_budget);
  for (const GuestInfo& guest : named) {
    GuestInfo& info = *session.add_guests() = guest;
    const auto watched = std::ranges::find(guests, guest.name(), &Watched::name);
    if (watched == guests.end()) continue;  // left out
    info.set_clock(watched->consumer->clock() == VMITAP_CLOCK_TSC ? "TSC" : "CLOCK_MONOTONIC");
    for (const auto& object : watched->plans->objects()) info.add_build_ids(object.catalog->build_id);
  }
  for (const Rule& rule : options.rules) {
    RuleInfo& info = *session.add_rules();
    info.set_name(rule.name.empty() ? rule.on : rule.name);
    info.set_on(rule.on);
    info.set_every_ns(static_cast<std::uint64_t>(rule.every.count()));
    info.set_mode(mode_of(rule));
    for (const std::string& expression : rule.read) info.add_read(expression);
  }
  if (auto written = sink->session(session); !written) return written;
  for (const Watched& watched : guests) {
    for (const auto& object : watched.plans->objects()) {
      vmitap::Catalog catalog;
      types::to_proto(*object.catalog, catalog);
      if (auto written = sink->catalog(catalog); !written) return written;
    }
    for (const RulePlan& plan : watched.plans->rules())
      if (auto written = sink->channel(channel_of(plan)); !written) return written;
  }
  return sink->flush();
}

// All stages or none: each waits for what only the others bring.
Result<void> Capture::Impl::run() {
  const auto begin_stages = [this](Start how) {
    start.store(how, std::memory_order_release);  // pairs with the wait below
    start.notify_all();
  };
  try {
    threads.reserve(4);
    for (void (Impl::*const stage)() :
         {&Impl::run_drain, &Impl::run_snapshot, &Impl::run_encode, &Impl::run_sink})
      threads.emplace_back([this, stage] {
        start.wait(Start::pending, std::memory_order_acquire);
        if (start.load(std::memory_order_acquire) == Start::refused) return;
        if (options.renounce) renounce_capabilities();
        (this->*stage)();
      });
  } catch (const std::system_error& refused) {
    begin_stages(Start::refused);
    threads.clear();
    return fail({.code = Errc::system, .operation = "start a thread", .sys = refused.code().value()});
  }
  begin_stages(Start::made);
  return {};
}

void Capture::Impl::run_drain() {
  try {
    const std::string why = drain->run();
    if (!why.empty()) stop(why);
  } catch (const std::bad_alloc&) {
    out_of_memory();
    drain->give_up();
  }
}

void Capture::Impl::run_snapshot() {
  for (bool last = false; !last;) {
    std::unique_ptr<Batch> batch = to_snapshot.receive();
    last = batch->last;
    try {
      snapshotter->take(*batch);
    } catch (const std::bad_alloc&) {
      lose(*batch, batch->events.size());
    }
    to_encode.pass(std::move(batch));
  }
}

void Capture::Impl::run_encode() {
  for (bool last = false; !last;) {
    std::unique_ptr<Batch> batch = to_encode.receive();
    last = batch->last;
    std::size_t next = 0;
    do {
      std::unique_ptr<EncodedBatch> encoded = to_sink.take_empty();
      try {
        next = encoder->encode(*batch, next, *encoded);
      } catch (const std::bad_alloc&) {
        lose(*batch, batch->shots.size() - next);
        encoded->clear();
        encoded->last = last;
      }
      to_sink.pass(std::move(encoded));
    } while (next < batch->shots.size());
    to_snapshot.give_back(std::move(batch));
  }
}

// The capture ends in good order with what came until then.
void Capture::Impl::out_of_memory() {
  {
    const std::lock_guard lock(mutex);
    if (!error) error = Error{.code = Errc::system, .operation = "allocate memory for values", .sys = ENOMEM};
  }
  stop("out of memory");
}

void Capture::Impl::lose(Batch& batch, std::size_t count) {
  const bool last = batch.last;
  add(counters.lost, count);
  batch.clear();
  batch.last = last;
  out_of_memory();
}

bool Capture::Impl::has_error() const {
  const std::lock_guard lock(mutex);
  return error.has_value();
}

void Capture::Impl::run_sink() {
  begin_tried.acquire();
  for (bool last = false; !last;) {
    std::unique_ptr<EncodedBatch> batch = to_sink.receive();
    last = batch->last;
    if (has_begun && !has_error()) {
      try {
        if (auto written = write(*batch); !written) {
          {
            const std::lock_guard lock(mutex);
            error = std::move(written.error());
          }
          stop("the output could not be written");
        }
      } catch (const std::bad_alloc&) {
        out_of_memory();
      }
    }
    counters.bytes_written.store(sink->bytes_written(), std::memory_order_relaxed);
    to_sink.give_back(std::move(batch));
  }
  const std::lock_guard lock(mutex);
  done = true;
  ended.notify_all();
}

void Capture::Impl::count_fallback(Facts::Fallback why) {
  switch (why) {
    case Facts::OVER_BUDGET:
      return add(counters.over_budget, 1);
    case Facts::PAUSE_FAILED:
      return add(counters.pause_failures, 1);
    case Facts::GAVE_UP_WAITING:
    case Facts::COULD_NOT_WAIT:
      return add(counters.sync_timeouts, 1);
    default:
      return;
  }
}

Result<void> Capture::Impl::write(const EncodedBatch& batch) {
  for (const auto& announcement : batch.announcements) {
    for (const vmitap::Catalog& catalog : announcement->catalogs)
      if (auto written = sink->catalog(catalog); !written) return written;
    for (const Channel& channel : announcement->channels)
      if (auto written = sink->channel(channel); !written) return written;
  }
  for (const EncodedRecord& record : batch.records) {
    const std::uint64_t before = counters.records.load(std::memory_order_relaxed);
    if (options.count && before >= *options.count) break;  // what was under way when the count was reached
    if (auto written = sink->record(record.channel, record.time_ns,
                                    std::span(batch.bytes).subspan(record.offset, record.size));
        !written)
      return written;
    ++channel_records[record.channel];
    add(counters.records, 1);
    count_fallback(record.fallback);
    if (options.count && before + 1 == *options.count) stop("count reached");
  }
  for (const Loss& loss : batch.losses) {
    lost[Loss::Reason_Name(loss.reason())] += loss.count();
    if (loss.reason() == Loss::RING_ERROR) broke_rules.try_emplace(loss.guest(), loss.detail());
    if (loss.reason() == Loss::NOT_WATCHED) not_watched.try_emplace(loss.guest(), loss.detail());
    if (auto written = sink->loss(loss); !written) return written;
  }
  if (batch.flush) return sink->flush();
  return {};
}

void Capture::Impl::stop(std::string_view why) {
  {
    const std::lock_guard lock(mutex);
    try {
      if (ended_by.empty()) ended_by = why;
    } catch (const std::bad_alloc&) {  // it ends all the same
    }
  }
  drain->stop();
}

Summary Capture::Impl::summary() const {
  Summary summary;
  summary.set_ended_by(ended_by);
  summary.set_start_time_ns(started_ns);
  summary.set_end_time_ns(now_ns());
  for (const Watched& watched : guests) {
    for (const RulePlan& plan : watched.plans->rules()) {
      RuleSummary& rule = *summary.add_rules();
      rule.set_name(plan.channel_name);
      rule.set_trigger(plan.rule->on);
      rule.set_mode(plan.mode);
      const auto count = channel_records.find(plan.channel);
      rule.set_records(count == channel_records.end() ? 0 : count->second);
    }
  }
  for (const GuestEnd& end : guests_ended) *summary.add_guests_ended() = end;
  for (const auto& [reason, count] : lost) (*summary.mutable_lost())[reason] = count;
  summary.set_records(counters.records.load());
  summary.set_pauses(counters.pauses.load());
  summary.set_paused_ns(counters.paused_ns.load());
  summary.set_over_budget(counters.over_budget.load());
  summary.set_sync_timeouts(counters.sync_timeouts.load());
  summary.set_pause_failures(counters.pause_failures.load());
  return summary;
}

// Once, after the stages ended.
Result<Summary> Capture::Impl::close() {
  threads.clear();
  if (closed)
    return fail(
        {.code = Errc::unsupported, .operation = "wait", .subject = "a capture that was waited for already"});
  closed = true;
  {
    // Of one that drain gave up at the very end it has not told.
    const std::lock_guard lock(mutex);
    for (const auto& [guest, why] : left_out)
      if (std::ranges::find(guests_ended, guest, &GuestEnd::guest) == guests_ended.end())
        note_end(guest, why);
  }
  const Summary result = summary();
  auto written = has_begun ? sink->close(result) : Result<void>();
  controls.clear();  // waits for who takes time over an answer
  counters.bytes_written.store(sink->bytes_written(), std::memory_order_relaxed);
  for (Watched& watched : guests) watched.guest.reset();  // detached: the guest goes on alone
  if (error) return fail(*error);
  if (!written) return fail(std::move(written.error()));
  return result;
}

Capture::Capture(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Capture>> Capture::prepare(std::vector<std::unique_ptr<backend::Guest>> guests,
                                                  Options options, std::unique_ptr<Sink> sink,
                                                  std::map<std::string, Error> missing) {
  auto impl = std::make_unique<Impl>();
  impl->left_out = std::move(missing);
  impl->options = std::move(options);
  impl->sink = std::move(sink);
  for (auto& guest : guests)
    impl->guests.push_back({.guest = std::move(guest), .consumer = {}, .plans = {}, .name = {}});
  if (auto prepared = impl->prepare(); !prepared) return fail(std::move(prepared.error()));

  std::vector<DrainGuest> drained;
  std::vector<SnapshotGuest> snapshot;
  std::vector<std::string> names;
  for (auto& watched : impl->guests) {
    drained.push_back({.guest = watched.guest.get(),
                       .consumer = &*watched.consumer,
                       .plans = watched.plans.get(),
                       .name = watched.name,
                       .clock = watched.guest->clock()});
    snapshot.push_back({.guest = watched.guest.get(),
                        .consumer = &*watched.consumer,
                        .budget = PauseBudget(impl->options.pause_budget)});
    names.push_back(impl->named.size() > 1 ? watched.name : "");
  }
  auto drain =
      Drain::make(std::move(drained), impl->options, impl->next_channel, impl->to_snapshot, impl->counters);
  if (!drain) return fail(std::move(drain.error()));
  impl->drain = *std::move(drain);
  for (auto& watched : impl->guests) {
    auto control = Control::start(*watched.guest, impl->options, watched.plans->known_modules(),
                                  [&drain = *impl->drain] { drain.on_news(); });
    if (!control) return fail(std::move(control.error()));
    impl->controls.push_back(*std::move(control));
  }
  impl->drain->take_controls(impl->controls);
  impl->drain->tell_ends([&capture = *impl](GuestEnd end) {
    const std::lock_guard lock(capture.mutex);
    end.set_left_out(capture.left_out.contains(end.guest()));
    capture.guests_ended.push_back(std::move(end));
  });
  impl->snapshotter = std::make_unique<Snapshotter>(std::move(snapshot), impl->counters);
  impl->encoder = std::make_unique<Encoder>(std::move(names));
  impl->started = std::chrono::steady_clock::now();  // and anew when the output begins
  impl->started_ns = now_ns();
  return std::unique_ptr<Capture>(new Capture(std::move(impl)));
}

Result<void> Capture::begin() {
  if (auto running = impl_->run(); !running) return running;
  return impl_->begin();
}

Capture::~Capture() {
  if (!impl_) return;
  impl_->stop("interrupted");
  std::call_once(impl_->output_tried, [this] { impl_->begin_tried.release(); });  // it never began
  impl_->threads.clear();
  try {
    if (!impl_->closed) (void)impl_->close();
  } catch (const std::bad_alloc&) {  // then the output lacks its end
    impl_->closed = true;
  }
}

std::size_t Capture::fire_manual() {
  std::size_t rules = 0;
  for (const auto& watched : impl_->guests)
    if (watched.plans->manual() != nullptr) rules += watched.plans->manual()->feeds.size();
  if (rules > 0) impl_->drain->fire_manual();
  return rules;
}

Statistics Capture::statistics() const {
  const Counters& counters = impl_->counters;
  Statistics result;
  result.records = counters.records.load(std::memory_order_relaxed);
  result.lost = counters.lost.load(std::memory_order_relaxed);
  result.pauses = counters.pauses.load(std::memory_order_relaxed);
  result.paused = std::chrono::nanoseconds(counters.paused_ns.load(std::memory_order_relaxed));
  result.over_budget = counters.over_budget.load(std::memory_order_relaxed);
  result.sync_timeouts = counters.sync_timeouts.load(std::memory_order_relaxed);
  result.bytes_written = counters.bytes_written.load(std::memory_order_relaxed);
  const std::lock_guard lock(impl_->mutex);
  result.elapsed = std::chrono::steady_clock::now() - impl_->started;
  result.guests_ended = impl_->guests_ended;
  return result;
}

const std::map<std::string, Error>& Capture::left_out() const { return impl_->left_out; }
const std::map<std::string, std::string>& Capture::broke_rules() const { return impl_->broke_rules; }
const std::map<std::string, std::string>& Capture::not_watched() const { return impl_->not_watched; }

void Capture::stop(std::string_view why) { impl_->stop(why); }

void Capture::suspend() {
  impl_->snapshotter->between_pauses([] { ::raise(SIGSTOP); });
}

Result<Summary> Capture::wait() {
  for (;;)
    if (auto result = wait_for(std::chrono::hours(1))) return *std::move(result);
}

std::optional<Result<Summary>> Capture::wait_for(std::chrono::milliseconds timeout) {
  Impl& impl = *impl_;
  std::unique_lock lock(impl.mutex);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto until =
      impl.options.duration ? std::min(deadline, impl.started + *impl.options.duration) : deadline;
  impl.ended.wait_until(lock, until, [&] { return impl.done; });
  if (!impl.done && impl.options.duration &&
      std::chrono::steady_clock::now() >= impl.started + *impl.options.duration) {
    lock.unlock();
    impl.stop("time is up");
    lock.lock();
    impl.ended.wait_until(lock, deadline + std::chrono::seconds(0), [&] { return impl.done; });
  }
  if (!impl.done) return std::nullopt;
  lock.unlock();
  return impl.close();
}

}  // namespace vmitap::pipeline
