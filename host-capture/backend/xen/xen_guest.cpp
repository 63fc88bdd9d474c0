// SPDX-License-Identifier: MIT
#include "backend/xen/xen_guest.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "backend/control_request.hpp"
#include "backend/xen/catalog.hpp"
#include "backend/xen/ioctls.hpp"
#include "vmitap/barrier.h"

namespace vmitap::backend::xen {
namespace {

using namespace std::chrono_literals;

constexpr auto kAnswerTime = 5s;  // a domain may not get a processor for a while
// How long a store may take to leave a processor's store buffer, generously: what the host waits before its
// last look at the rings. No barrier of this host reaches the processors of a guest.
constexpr double kStoreLeavesNs = 20'000;
// xenstored that dies tells nobody, and nobody tells then how a domain ends.
constexpr itimerspec kLooks{.it_interval = {.tv_sec = 1, .tv_nsec = 0},
                            .it_value = {.tv_sec = 1, .tv_nsec = 0}};

}  // namespace

Result<std::unique_ptr<Guest>> XenGuest::open(std::string_view name) {
  // The guardian first: it must not hold what is opened later.
  auto ledger = PauseLedger::get();
  if (!ledger) return fail(std::move(ledger.error()));
  auto store = Store::open();
  if (!store) return fail(std::move(store.error()));
  auto control = DomainControl::open();
  if (!control) return fail(std::move(control.error()));
  auto found = find_guest(*store, *control, name);
  if (!found) return fail(std::move(found.error()));
  std::unique_ptr<XenGuest> guest(
      new XenGuest(std::move(*store), std::move(*control), std::move(*found), **ledger));
  const Found& it = guest->found_;
  guest->watched_ = {"@releaseDomain", Advertisement::path(it.domain.id, it.advertised.channel)};
  for (const std::string& path : guest->watched_)
    if (auto watched = guest->store_.watch(path); !watched) return fail(std::move(watched.error()));
  guest->news_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  guest->looks_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  ::timerfd_settime(guest->looks_.get(), 0, &kLooks, nullptr);
  guest->events_.reset(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {guest->news_.get(), guest->store_.fd(), guest->looks_.get()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(guest->events_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      return fail(
          {.code = Errc::system, .operation = "epoll_ctl", .subject = std::string(name), .sys = errno});
  }
  return guest;
}

template <class T>
Result<T> XenGuest::named(Result<T> result) const {
  if (!result && result.error().guest.empty()) result.error().guest = found_.identity.address;
  return result;
}

Result<GuestCatalog> XenGuest::list() { return named(list_channel()); }

Result<void> XenGuest::attach() { return named(attach_channel()); }

Result<GuestCatalog> XenGuest::list_channel() {
  if (!grants_) {
    auto grants = Grants::open(found_.domain.id);
    if (!grants) return fail(std::move(grants.error()));
    grants_.emplace(std::move(*grants));
  }
  auto directory = Directory::read(*grants_, found_.advertised.directory);
  if (!directory) return fail(std::move(directory.error()));
  catalog_seen_.store(directory->catalog_version());
  auto catalog = read_catalog(*grants_, *directory);
  if (!catalog) return catalog;
  if (found_.advertised.channel == VMITAP_XENSTORE_KERNEL) catalog->kernel = directory->kernel();
  if (!image_) {
    auto memory = open_memory(found_.domain, directory->space(), MappingShare::of_image());
    if (!memory) return fail(std::move(memory.error()));
    image_.emplace(std::move(*memory));
  }
  return catalog;
}

Result<void> XenGuest::attach_channel() {
  if (channel_) return {};
  auto channel = AttachedChannel::attach(found_.domain.id, found_.advertised);
  if (!channel) {
    if (channel.error().code == Errc::already_captured) channel.error().subject = found_.identity.address;
    return fail(std::move(channel.error()));
  }
  auto clock = GuestClock::make((*channel)->directory(), ledger_.privcmd());
  if (!clock) return fail(std::move(clock.error()));
  if (auto opened = reader_.open(found_.domain, (*channel)->directory().space()); !opened) return opened;
  clock_ = std::move(*clock);
  store_leaves_ticks_ = static_cast<std::uint64_t>(kStoreLeavesNs / clock_->map().ns_per_tick);
  channel_ = std::move(*channel);
  return {};
}

Result<void> XenGuest::ask(std::uint32_t type, const std::string& body) {
  if (gone_.load(std::memory_order_acquire) || !channel_)
    return fail({.code = Errc::guest_gone, .subject = found_.identity.address});
  const std::lock_guard lock(conversation_);
  return named(channel_->ask(type, body, found_.identity.address, kAnswerTime));
}

Result<void> XenGuest::arm(const ArmRequest& request) {
  if (request.inline_fetches.size() > VMITAP_FETCH_MAX)
    return fail({.code = Errc::too_large, .subject = "values taken inline", .number = VMITAP_FETCH_MAX});
  return ask(VMITAP_ARM, arm_body(request));
}

Result<void> XenGuest::disarm(TriggerId trigger) { return ask(VMITAP_DISARM, disarm_body(trigger)); }

// The lock of its channel stays ours, as the event channel does.
void XenGuest::give_up(std::string why) {
  const std::lock_guard lock(store_mutex_);
  forget_watches();
  if (channel_) channel_->leave();
  epitaph_ = std::move(why);
  gone_.store(true, std::memory_order_release);
  ::eventfd_write(news_.get(), 1);
}

ClockMap XenGuest::clock() const {
  ledger_.look_after_guardian();
  return clock_ ? clock_->map() : ClockMap{};
}

void XenGuest::clear_doorbell() {
  if (!channel_) return;
  channel_->events().clear();
  if (channel_->directory().catalog_version() != catalog_seen_.load()) ::eventfd_write(news_.get(), 1);
}

// Between "I sleep" and the last look: our store is made visible, and a store of the guest's that was on its
// way gets the time to arrive.
void XenGuest::fence() {
  vmitap_fence();
  // By the processor's own counter: dom0's clock stands still while a processor's lags behind that of
  // another.
  const std::uint64_t start = __builtin_ia32_rdtsc();
  while (__builtin_ia32_rdtsc() - start < store_leaves_ticks_) vmitap_cpu_relax();
  vmitap_fence();
}

void XenGuest::wake(RingIndex) {
  if (channel_) channel_->events().notify();
}

Guest::ControlEvent XenGuest::on_control() {
  if (gone_.load(std::memory_order_acquire)) return ControlEvent::gone;
  eventfd_t news = 0;
  const bool changed = ::eventfd_read(news_.get(), &news) == 0;
  {
    const std::lock_guard lock(store_mutex_);
    std::uint64_t times = 0;
    [[maybe_unused]] const auto ignored = ::read(looks_.get(), &times, sizeof times);
    if (!store_.clear_watches()) ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, store_.fd(), nullptr);
    if (const auto end = how_it_ended()) {
      epitaph_ = *end;
      forget_watches();
      if (channel_) channel_->give_up();
      gone_.store(true, std::memory_order_release);
      return ControlEvent::gone;
    }
  }
  return changed ? ControlEvent::changed : ControlEvent::none;
}

// With other guests the capture may go on for long. Nobody would take what the watches say of this one any
// more.
void XenGuest::forget_watches() {
  if (store_.answers())
    for (const std::string& path : watched_) store_.unwatch(path);
}

std::optional<std::string> XenGuest::how_it_ended() const {
  if (auto end = control_.end_of(found_.domain)) return end;
  const auto now = Advertisement::read(store_, found_.domain.id, found_.advertised.channel);
  const bool is_kernel = found_.advertised.channel == VMITAP_XENSTORE_KERNEL;
  if (!now && !store_.answers()) return std::nullopt;
  // `xl destroy` takes what stands in xenstore first, which the guest cannot.
  if (!now && store_.list(home_of(found_.domain.id)).empty()) return "was destroyed";
  if (!now) return is_kernel ? "took vmitap down: its module was unloaded" : "ended";
  if (now->directory != found_.advertised.directory || now->port != found_.advertised.port)
    return "took vmitap down and up again";
  return std::nullopt;
}

std::string XenGuest::epitaph() const {
  return gone_.load(std::memory_order_acquire) ? epitaph_ : std::string();
}

void XenGuest::read_image(std::span<ReadRequest> requests) noexcept {
  if (image_) return image_->read_once(requests);
  Guest::read_image(requests);
}

std::optional<std::vector<unsigned long>> XenGuest::ioctls() const { return xen_ioctls(); }

Result<void> XenGuest::pause() {
  auto paused = reader_.pause();
  if (!paused) paused.error().subject = found_.identity.address;
  return paused;
}

}  // namespace vmitap::backend::xen
