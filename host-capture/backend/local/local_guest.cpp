// SPDX-License-Identifier: MIT
#include "backend/local/local_guest.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "backend/local/epitaph.hpp"
#include "backend/local/fence.hpp"
#include "backend/local/modules.hpp"
#include "base/printable.hpp"

namespace vmitap::backend::local {
namespace {

using namespace std::chrono_literals;

constexpr auto kAnswerTime = 2s;
constexpr auto kListTime = 5s;  // of thousands of sites
// How long a read may keep the guest paused. Swapped pages come from a disk; what takes longer may need the
// guest.
constexpr auto kWindowPatience = 50ms;

Deadline in(std::chrono::nanoseconds time) { return std::chrono::steady_clock::now() + time; }

}  // namespace

Result<std::unique_ptr<Guest>> LocalGuest::open(Found found) {
  const std::string subject = fmt::format("process {}", found.identity.id);
  std::unique_ptr<LocalGuest> guest(new LocalGuest(std::move(found)));
  const auto program = program_image(guest->pid_);
  if (!program) return fail({.code = Errc::guest_gone, .subject = subject});
  guest->program_ = *program;
  guest->news_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  guest->events_.reset(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {guest->pidfd_.get(), guest->client_.socket(), guest->news_.get()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(guest->events_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      return fail({.code = Errc::system, .operation = "epoll_ctl", .subject = subject, .sys = errno});
    }
  }
  return guest;
}

LocalGuest::LocalGuest(Found found)
    : identity_(std::move(found.identity)),
      pid_(found.peer.pid),
      pidfd_(std::move(found.peer.pidfd)),
      client_(std::move(found.client)),
      catalog_reader_(pid_, pidfd_.get()),
      snapshot_reader_(pid_, pidfd_.get()) {}

void LocalGuest::watch_socket(bool watched) noexcept {
  epoll_event event{.events = watched ? std::uint32_t{EPOLLIN} : 0, .data = {.fd = client_.socket()}};
  ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, client_.socket(), &event);
}

void LocalGuest::end_session(std::string why) noexcept {
  epitaph_ = std::move(why);
  ::shutdown(client_.socket(), SHUT_RDWR);  // the agent disarms; control() becomes readable
}

template <class Request>
auto LocalGuest::converse(Request&& request) {
  const std::lock_guard lock(conversation_);
  using Answer = decltype(request());
  if (gone_.load(std::memory_order_relaxed)) {
    return Answer(fail({.code = Errc::guest_gone, .subject = identity_.name}));
  }
  watch_socket(false);
  Answer answer = request();
  if (!answer && !client_.refused()) {
    if (answer.error().code == Errc::timeout) answer.error().hint = why_silent(pid_);
    end_session(answer.error().code == Errc::guest_gone
                    ? ""
                    : "did not answer as it must: " + answer.error().subject);
  }
  if (client_.take_changed()) ::eventfd_write(news_.get(), 1);
  watch_socket(true);
  return answer;
}

Result<GuestCatalog> LocalGuest::list() {
  auto catalog = converse([&] { return client_.list(in(kListTime)); });
  if (catalog) {
    for (GuestModule& module : catalog->modules) complete_module(pid_, catalog_reader_, module);
  }
  return catalog;
}

Result<SharedChannel> LocalGuest::open_channel() {
  auto descriptors = client_.attach(in(kAnswerTime));
  if (!descriptors) return fail(std::move(descriptors.error()));
  return SharedChannel::open(std::move(*descriptors));
}

Result<void> LocalGuest::attach() {
  if (channel_) return {};
  if (fence_kind() == FenceKind::none) {
    return fail({.code = Errc::unsupported,
                 .operation = "membarrier",
                 .subject = "a kernel without membarrier(2)",
                 .hint = "use Linux 4.16 or later, and let the sandbox (seccomp) allow membarrier"});
  }
  // A channel that is refused ends the session, and so the guest's side of the attachment.
  auto channel = converse([&] { return open_channel(); });
  if (!channel) return fail(std::move(channel.error()));
  auto clock = converse([&] { return GuestClock::make(channel->clock()); });
  if (!clock) return fail(std::move(clock.error()));
  clock_ = std::move(*clock);
  channel_ = std::move(*channel);
  return {};
}

Result<void> LocalGuest::arm(const ArmRequest& request) {
  if (request.inline_fetches.size() > VMITAP_FETCH_MAX) {
    return fail({.code = Errc::too_large, .subject = "values taken inline", .number = VMITAP_FETCH_MAX});
  }
  return converse([&] { return client_.arm(request, in(kAnswerTime)); });
}

Result<void> LocalGuest::disarm(TriggerId trigger) {
  return converse([&] { return client_.disarm(trigger, in(kAnswerTime)); });
}

void LocalGuest::give_up(std::string why) {
  const std::lock_guard lock(conversation_);
  end_session(std::move(why));
}

ClockMap LocalGuest::clock() const { return clock_ ? clock_->map() : ClockMap{}; }

std::uint64_t LocalGuest::ticks() const noexcept { return clock_ ? clock_->ticks() : 0; }

void LocalGuest::clear_doorbell() {
  if (channel_) channel_->clear_doorbell();
}

void LocalGuest::fence() { local::fence(); }

void LocalGuest::wake(RingIndex ring) {
  if (channel_) channel_->wake(ring);
}

Guest::ControlEvent LocalGuest::on_control() {
  const std::unique_lock lock(conversation_, std::try_to_lock);
  if (!lock) return ControlEvent::none;  // the one that converses takes what comes, and gives news
  if (gone_.load(std::memory_order_relaxed)) return ControlEvent::gone;

  eventfd_t news = 0;
  const bool noted = ::eventfd_read(news_.get(), &news) == 0;
  const auto changed = client_.poll_unasked();
  pollfd end{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  // A child of the guest may keep its end of the socket open: the process tells for itself.
  const bool dead = ::poll(&end, 1, 0) == 1;
  if (changed && !dead) return noted || *changed ? ControlEvent::changed : ControlEvent::none;

  if (!changed && changed.error().code == Errc::protocol) {
    epitaph_ = "broke the contract: " + printable(changed.error().subject);
  }
  if (epitaph_.empty()) epitaph_ = local::epitaph(pid_, pidfd_.get(), program_);
  gone_.store(true, std::memory_order_relaxed);
  return ControlEvent::gone;
}

std::string LocalGuest::epitaph() const {
  return gone_.load(std::memory_order_relaxed) ? epitaph_ : std::string();
}

// The agent's end of the socket goes with an exec, as it is close-on-exec.
bool LocalGuest::alive() const noexcept {
  std::array<pollfd, 2> ends{{{.fd = pidfd_.get(), .events = POLLIN, .revents = 0},
                              {.fd = client_.socket(), .events = 0, .revents = 0}}};
  return ::poll(ends.data(), ends.size(), 0) == 0;
}

Result<void> LocalGuest::pause() {
  if (!stop_) {
    auto made = ProcessStop::make(pid_);
    if (!made) return fail(std::move(made.error()));
    stop_ = std::move(*made);
    window_reader_ = std::make_unique<WindowReader>(pid_, pidfd_.get());
  }
  auto stopped = stop_->stop();
  stood_still_ = paused_ = stopped.has_value();
  return stopped;
}

void LocalGuest::unpause() noexcept {
  stop_->release();
  paused_ = false;
}

void LocalGuest::read(std::span<ReadRequest> requests) noexcept {
  if (!paused_) return snapshot_reader_.read(requests);
  if (window_reader_->read(requests, kWindowPatience)) return;
  // The guest has to run for this read to end.
  stop_->release();
  stood_still_ = paused_ = false;
  window_reader_->finish();
}

}  // namespace vmitap::backend::local
