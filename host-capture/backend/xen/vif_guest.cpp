// SPDX-License-Identifier: MIT
#include "backend/xen/vif_guest.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "backend/xen/ioctls.hpp"
#include "base/error_text.hpp"
#include "vmitap/barrier.h"
#include "vmitap/xen_abi.h"

namespace vmitap::backend::xen {
namespace {

using namespace std::chrono_literals;

constexpr itimerspec kLooks{.it_interval = {.tv_sec = 1, .tv_nsec = 0},
                            .it_value = {.tv_sec = 1, .tv_nsec = 0}};
// A domain that is destroyed loses its interfaces first: how long until it is the interface alone that went.
constexpr auto kDomainFollows = 3s;
constexpr std::uint32_t kPackets = 1;  // GuestModule::id

GuestSite site(const char* name, packet_direction direction) {
  const auto number = static_cast<std::uint32_t>(direction);
  GuestSite site;
  site.is_trigger = true;
  site.id = TriggerId{number};
  site.module = kPackets;
  site.descriptor = GuestVirt{number};
  site.size = sizeof(packet);
  site.name = name;
  site.has_packet = true;
  site.fires_in_host = true;
  site.arguments = {"packet"};
  return site;
}

}  // namespace

Result<std::unique_ptr<Guest>> VifGuest::open(std::string_view name) {
  // The guardian first: it must not hold what is opened later.
  auto ledger = PauseLedger::get();
  if (!ledger) return fail(std::move(ledger.error()));
  auto store = Store::open();
  if (!store) return fail(std::move(store.error()));
  auto control = DomainControl::open();
  if (!control) return fail(std::move(control.error()));
  auto found = find_vif(*store, *control, name);
  if (!found) return fail(std::move(found.error()));
  std::unique_ptr<VifGuest> guest(
      new VifGuest(std::move(*store), std::move(*control), std::move(*found), **ledger));
  if (auto watched = guest->watch(); !watched) return fail(std::move(watched.error()));
  return guest;
}

Result<void> VifGuest::watch() {
  for (const std::string& path :
       {std::string("@releaseDomain"), vif_path(found_.domain.id, found_.vif.number)})
    if (auto watched = store_.watch(path); !watched) return watched;
  looks_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  ::timerfd_settime(looks_.get(), 0, &kLooks, nullptr);
  events_.reset(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {store_.fd(), looks_.get()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      return fail(
          {.code = Errc::system, .operation = "epoll_ctl", .subject = found_.identity.address, .sys = errno});
  }
  return {};
}

// What the module in the domain, if there is one, says of the kernel: to be read by anybody.
Result<Directory> VifGuest::kernel_directory() {
  const auto advertised = [&] {
    const std::lock_guard lock(store_mutex_);
    return Advertisement::read(store_, found_.domain.id, VMITAP_XENSTORE_KERNEL);
  }();
  if (!advertised)
    return fail(
        {.code = Errc::not_instrumented,
         .subject = fmt::format("domain {}", found_.domain.id.value),
         .hint = "its kernel can be read once vmitap.ko is loaded in it (docs/xen.md); its packets can be "
                 "had without"});
  auto grants = Grants::open(found_.domain.id);
  if (!grants) return fail(std::move(grants.error()));
  return Directory::read(*grants, advertised->directory);
}

Result<GuestCatalog> VifGuest::list() {
  GuestModule packets;
  packets.id = kPackets;
  packets.path = "vmitap/packet_abi.h";
  packets.is_packet_abi = true;
  GuestCatalog catalog{.modules = {std::move(packets)},
                       .sites = {site("packet.rx", PACKET_RECEIVED), site("packet.tx", PACKET_SENT)},
                       .kernel = {}};
  auto directory = kernel_directory();
  if (directory)
    if (auto opened = open_image(*directory); !opened) directory = fail(std::move(opened.error()));
  if (directory) {
    catalog.kernel = directory->kernel();
  } else if (directory.error().code == Errc::not_instrumented) {
    catalog.why_no_kernel = directory.error().hint;
  } else {
    catalog.why_no_kernel = describe(directory.error()) + "; " + remedy(directory.error());
  }
  return catalog;
}

Result<void> VifGuest::open_image(const Directory& directory) {
  if (image_) return {};
  auto memory = open_memory(found_.domain, directory.space(), MappingShare::of_image());
  if (!memory) return fail(std::move(memory.error()));
  image_.emplace(std::move(*memory));
  kernel_space_ = directory.space();
  return {};
}

Result<void> VifGuest::attach() {
  if (tap_) return {};
  auto tap = VifTap::open(found_.vif.device);
  if (!tap) {
    tap.error().guest = found_.identity.address;
    return fail(std::move(tap.error()));
  }
  if (auto opened = reader_.open(found_.domain, kernel_space_); !opened) return opened;
  tap_ = std::move(*tap);
  return {};
}

Result<void> VifGuest::arm(const ArmRequest& request) {
  auto armed = tap_->arm(request);
  if (!armed) armed.error().guest = found_.identity.address;
  return armed;
}

Result<void> VifGuest::disarm(TriggerId trigger) { return tap_->disarm(trigger); }

void VifGuest::give_up(std::string why) {
  for (const packet_direction direction : {PACKET_RECEIVED, PACKET_SENT})
    (void)disarm(TriggerId{static_cast<std::uint32_t>(direction)});
  const std::lock_guard lock(store_mutex_);
  epitaph_ = std::move(why);
  gone_.store(true, std::memory_order_release);
}

ClockMap VifGuest::clock() const {
  ledger_.look_after_guardian();
  return VifTap::clock();
}

// The producer is a thread of this process, and fences when it announces.
void VifGuest::fence() { vmitap_fence(); }

Guest::ControlEvent VifGuest::on_control() {
  if (gone_.load(std::memory_order_acquire)) return ControlEvent::gone;
  const std::lock_guard lock(store_mutex_);
  std::uint64_t times = 0;
  [[maybe_unused]] const auto ignored = ::read(looks_.get(), &times, sizeof times);
  if (!store_.clear_watches()) ::epoll_ctl(events_.get(), EPOLL_CTL_DEL, store_.fd(), nullptr);
  const auto end = how_it_ended();
  if (!end) return ControlEvent::none;
  epitaph_ = *end;
  gone_.store(true, std::memory_order_release);
  return ControlEvent::gone;
}

std::optional<std::string> VifGuest::how_it_ended() {
  if (auto end = control_.end_of(found_.domain)) return end;
  if (!tap_ || tap_->has_interface()) return std::nullopt;
  if (!without_interface_) without_interface_ = Clock::now();
  // `xl destroy` takes the interfaces and what stands in xenstore first, which the guest cannot.
  if (store_.answers() && store_.list(home_of(found_.domain.id)).empty()) return "was destroyed";
  if (Clock::now() - *without_interface_ < kDomainFollows) return std::nullopt;
  return fmt::format("lost its interface: {} was removed from dom0", found_.vif.device);
}

std::string VifGuest::epitaph() const {
  return gone_.load(std::memory_order_acquire) ? epitaph_ : std::string();
}

void VifGuest::read_image(std::span<ReadRequest> requests) noexcept {
  if (image_) return image_->read_once(requests);
  Guest::read_image(requests);
}

std::optional<std::vector<unsigned long>> VifGuest::ioctls() const { return xen_ioctls(); }

Result<void> VifGuest::pause() {
  auto paused = reader_.pause();
  if (!paused) paused.error().subject = found_.identity.address;
  return paused;
}

}  // namespace vmitap::backend::xen
