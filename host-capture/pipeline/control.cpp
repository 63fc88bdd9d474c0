// SPDX-License-Identifier: MIT
#include "pipeline/control.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "base/least_privilege.hpp"

namespace vmitap::pipeline {
namespace {

using namespace std::chrono_literals;

// Between two lists: somebody who loads modules waits for less, and somebody who says so all the time costs
// little, a third of a processor at most, whatever a look takes.
constexpr auto kPause = 200ms;
constexpr int kRest = 2;
// After a call that said nothing: a guest may ring as often as it likes.
constexpr auto kQuiet = 10ms;

}  // namespace

Result<std::unique_ptr<Control>> Control::start(backend::Guest& guest, const Options& options,
                                                std::unordered_set<std::uint32_t> known_modules,
                                                std::function<void()> on_news) {
  std::unique_ptr<Control> control(new Control(guest, options, std::move(known_modules), std::move(on_news)));
  control->wake_ = Fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!control->wake_) return fail({.code = Errc::system, .operation = "eventfd", .sys = errno});
  control->thread_ =
      std::jthread([raw = control.get(), renounce = options.renounce](const std::stop_token& stopped) {
        if (renounce) renounce_capabilities();
        raw->run(stopped);
      });
  return control;
}

Control::~Control() {
  thread_.request_stop();
  wake();
}

void Control::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = ::write(wake_.get(), &one, sizeof one);
}

void Control::listen() noexcept {
  listening_.store(true, std::memory_order_relaxed);
  wake();
}

void Control::arm(std::vector<backend::ArmRequest> requests) {
  requests_.enqueue(std::move(requests));
  wake();
}

void Control::disarm(std::vector<TriggerId> triggers) {
  requests_.enqueue(std::move(triggers));
  wake();
}

std::optional<Control::News> Control::next() {
  std::optional<News> news(std::in_place);
  if (!news_.try_dequeue(*news)) return std::nullopt;
  unread_.fetch_sub(1, std::memory_order_release);
  wake();
  return news;
}

void Control::tell(News news) {
  if (news_.enqueue(std::move(news))) unread_.fetch_add(1, std::memory_order_relaxed);
  on_news_();
}

void Control::run(const std::stop_token& stopped) {
  while (!stopped.stop_requested()) {
    wait(!ended_ && listening_.load(std::memory_order_relaxed));
    try {
      serve(stopped);
      const bool is_heard = unread_.load(std::memory_order_acquire) == 0;
      if (!ended_ && is_new_ && is_heard && Clock::now() >= look_again_) look(stopped);
    } catch (const std::bad_alloc&) {
      tell(
          Error{.code = Errc::system, .operation = "allocate memory for what a guest offers", .sys = ENOMEM});
    }
  }
}

// Until there is something to do.
void Control::wait(bool listens) {
  std::array<pollfd, 2> ends{{{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                              {.fd = listens ? guest_.control() : -1, .events = POLLIN, .revents = 0}}};
  int patience = -1;
  const bool looks = is_new_ && !ended_;  // what comes before that is the same news
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      (looks ? look_again_ : heard_nothing_ + kQuiet) - Clock::now());
  if (looks || (listens && left.count() > 0)) {
    ends[1].fd = -1;
    patience = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }
  if (looks && unread_.load(std::memory_order_acquire) > 0) patience = -1;  // until next() takes it
  if (::poll(ends.data(), ends.size(), patience) <= 0) return;
  if (ends[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto ignored = ::read(wake_.get(), &count, sizeof count);
  }
  if (ends[1].revents != 0) hear();
}

void Control::hear() {
  switch (guest_.on_control()) {
    case backend::Guest::ControlEvent::none:
      heard_nothing_ = Clock::now();
      break;
    case backend::Guest::ControlEvent::changed:
      is_new_ = true;
      break;
    case backend::Guest::ControlEvent::gone:
      ended_ = true;
      tell(Gone{});
      break;
  }
}

void Control::look(const std::stop_token& stopped) {
  is_new_ = false;
  const auto begin = Clock::now();
  auto listing = Listing::take(guest_, options_, known_modules_, stopped);
  const auto end = Clock::now();
  look_again_ = end + std::max<Clock::duration>(kPause, kRest * (end - begin));
  if (!listing) return tell(std::move(listing.error()));
  for (const auto& [module, catalog] : listing->loaded) known_modules_.insert(module);
  for (const auto& [module, why] : listing->untyped) known_modules_.insert(module);
  tell(*std::move(listing));
}

// Who did not answer once is not asked again, nor who answers just in time for each of thousands.
Result<void> Control::arm_all(const std::vector<backend::ArmRequest>& requests,
                              const std::stop_token& stopped) {
  const auto until = Clock::now() + kArming;
  for (const backend::ArmRequest& each : requests) {
    if (stopped.stop_requested()) break;
    if (Clock::now() > until)
      return fail({.code = Errc::timeout,
                   .subject = "the guest to switch its new triggers on",
                   .guest = guest_.identity().address});
    if (auto done = guest_.arm(each); !done && done.error().code != Errc::unknown_name) return done;
  }  // of an unknown name: it has gone again
  return {};
}

void Control::serve(const std::stop_token& stopped) {
  for (Request request; !stopped.stop_requested() && requests_.try_dequeue(request);) {
    if (const auto* armed = std::get_if<std::vector<backend::ArmRequest>>(&request)) {
      if (auto done = arm_all(*armed, stopped); !done) tell(std::move(done.error()));
      continue;
    }
    // One that takes its time over each is not waited for longer than for one answer.
    for (const TriggerId trigger : std::get<std::vector<TriggerId>>(request))
      if (stopped.stop_requested() || !guest_.disarm(trigger)) break;
    ended_ = true;
    tell(Disarmed{});
  }
}

}  // namespace vmitap::pipeline
