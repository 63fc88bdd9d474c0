// SPDX-License-Identifier: MIT
#include "backend/xen/vif_tap.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <utility>

#include "backend/xen/packet_dissect.hpp"
#include "backend/xen/vif_filter.hpp"
#include "base/least_privilege.hpp"

namespace vmitap::backend::xen {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kSlots = VMITAP_SLOTS_PER_RING_MAX;  // 4 MiB, taken as it is used: 16,000 packets
constexpr std::uint32_t kHeaders = 512;  // bytes of each frame: what is behind them is no header that is told
constexpr int kLookMs = 250;             // between looks at what was dropped

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

tl::unexpected<Error> failed(const char* operation) {
  return fail({.code = Errc::system, .operation = operation, .subject = "a ring for packets", .sys = errno});
}

Mapping zeroes(std::size_t size) {
  void* const start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return start == MAP_FAILED ? Mapping{} : Mapping{start, size};
}

bool can_copy(const vmitap_fetch& fetch) {
  if (fetch.base == VMITAP_FETCH_PACKET)
    return fetch.hops == 0 && fetch.size <= kFrameMax && fetch.origin == 0;
  return fetch.base == VMITAP_FETCH_ARGUMENT && fetch.hops == 0 && fetch.origin <= sizeof(packet) &&
         fetch.size <= sizeof(packet) - fetch.origin;
}

void append(vmitap_record& record, std::span<const std::byte> bytes, std::uint32_t size) {
  constexpr std::array<std::byte, 256> kNothing{};
  const auto there = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), size));
  vmitap_write(&record, bytes.data(), there);
  for (std::uint32_t left = size - there; left > 0;) {
    const auto piece = std::min<std::uint32_t>(left, kNothing.size());
    vmitap_write(&record, kNothing.data(), piece);
    left -= piece;
  }
}

}  // namespace

VifTap::VifTap(PacketSocket socket, const std::string& device) : socket_(std::move(socket)) {
  device.copy(device_.data(), device_.size() - 1);
}

Result<std::unique_ptr<VifTap>> VifTap::open(const std::string& device) {
  auto socket = PacketSocket::open(device);
  if (!socket) return fail(std::move(socket.error()));
  std::unique_ptr<VifTap> tap(new VifTap(std::move(*socket), device));
  if (auto made = tap->make_ring(); !made) return fail(std::move(made.error()));
  tap->thread_ = std::jthread([raw = tap.get()](const std::stop_token& stopped) {
    renounce_capabilities();
    raw->run(stopped);
  });
  return tap;
}

VifTap::~VifTap() {
  thread_.request_stop();
  ::eventfd_write(wake_.get(), 1);
}

Result<void> VifTap::make_ring() {
  vmitap_guest_header header;
  vmitap_guest_layout(&header, 1, kSlots, VMITAP_CLOCK_MONOTONIC);
  guest_region_ = zeroes(header.region_size);
  host_region_ = zeroes(vmitap_host_region_size(1));
  if (!guest_region_ || !host_region_) return failed("mmap");
  std::memcpy(guest_region_.bytes().data(), &header, sizeof header);
  vmitap_producer_init(&producer_, &header, guest_region_.bytes().data(), host_region_.bytes().data(), 0);
  vmitap_producer_claim(&producer_, 1);
  doorbell_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!doorbell_ || !wake_) return failed("eventfd");
  return {};
}

void VifTap::clear_doorbell() noexcept {
  eventfd_t rung = 0;
  ::eventfd_read(doorbell_.get(), &rung);
}

Result<void> VifTap::arm(const ArmRequest& request) {
  const bool is_ours = request.trigger.value == PACKET_RECEIVED || request.trigger.value == PACKET_SENT;
  if (!is_ours || request.sync || !std::ranges::all_of(request.inline_fetches, can_copy))
    return fail({.code = Errc::unsupported, .subject = "what a rule wants of packets in dom0"});
  std::uint32_t size = sizeof(packet) + (request.inline_fetches.empty() ? 0 : sizeof(std::uint64_t));
  for (const vmitap_fetch& fetch : request.inline_fetches) size += fetch.size;
  if (size > vmitap_payload_max(kSlots))
    return fail({.code = Errc::too_large,
                 .subject = "a record of a packet",
                 .number = vmitap_payload_max(kSlots),
                 .hint = "take fewer bytes of it (--snap)"});
  const std::lock_guard lock(mutex_);
  Plan& plan = plan_of(static_cast<packet_direction>(request.trigger.value));
  Plan before =
      std::exchange(plan, {.takes = Plan::Takes::records, .request = request, .payload_size = size});
  auto attached = filter();
  if (!attached) plan = std::move(before);
  return attached;
}

Result<void> VifTap::disarm(TriggerId trigger, std::chrono::milliseconds patience) {
  if (trigger.value != PACKET_RECEIVED && trigger.value != PACKET_SENT) return {};
  const std::lock_guard lock(mutex_);
  Plan& plan = plan_of(static_cast<packet_direction>(trigger.value));
  if (plan.takes == Plan::Takes::nothing) return {};
  plan.takes = Plan::Takes::nothing;
  // If there is no room for a shut filter beside the open one, all comes on until take() drops it.
  (void)filter();
  plan.takes = Plan::Takes::records;  // of what had passed
  const auto until = std::chrono::steady_clock::now() + patience;
  for (std::size_t frames = 0; frames < kFramesHeld;) {
    if (std::chrono::steady_clock::now() >= until) plan.takes = Plan::Takes::count;
    const std::size_t more = drain();
    if (more == 0) break;
    frames += more;
  }
  plan.takes = Plan::Takes::nothing;
  count_drops();
  announce();
  return {};
}

// As the plans want it; both of them in one program.
Result<void> VifTap::filter() {
  const auto wants = [&](packet_direction direction) -> DirectionFilter {
    const Plan& plan = plan_of(direction);
    std::uint32_t take = kHeaders;
    for (const vmitap_fetch& fetch : plan.request.inline_fetches)
      if (fetch.base == VMITAP_FETCH_PACKET) take = std::max(take, fetch.size);
    return {.wanted = plan.takes == Plan::Takes::records, .take = take, .steps = plan.request.filter};
  };
  return socket_.filter(make_program(wants(PACKET_RECEIVED), wants(PACKET_SENT)));
}

void VifTap::run(const std::stop_token& stopped) {
  std::array<pollfd, 2> ends{{{.fd = socket_.fd(), .events = POLLIN, .revents = 0},
                              {.fd = wake_.get(), .events = POLLIN, .revents = 0}}};
  while (!stopped.stop_requested()) {
    ::poll(ends.data(), ends.size(), kLookMs);
    const std::lock_guard lock(mutex_);
    drain();
    count_drops();
  }
}

// How many frames have come.
std::size_t VifTap::drain() {
  const auto frames = socket_.receive();
  if (frames.empty()) return 0;
  const std::int64_t ahead = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
  for (const PassedFrame& frame : frames) take(frame, ahead);
  announce();
  return frames.size();
}

// A full fence beside the host's own: neither misses the other.
void VifTap::announce() {
  if (vmitap_announce(&producer_, true)) ::eventfd_write(doorbell_.get(), 1);
}

void VifTap::take(const PassedFrame& frame, std::int64_t ahead) {
  Plan& plan = plan_of(frame.is_outgoing ? PACKET_RECEIVED : PACKET_SENT);
  if (plan.takes == Plan::Takes::nothing) return;
  if (frame.had_tag_aside && !passes_with_tag(plan.request.filter, frame.bytes, frame.length)) return;
  if (plan.takes == Plan::Takes::count) return lose(1);
  if (plan.request.sample > 1 && plan.passed++ % plan.request.sample != 0) return;
  write(plan, frame, describe(frame), static_cast<std::uint64_t>(frame.realtime_ns - ahead));
}

void VifTap::write(Plan& plan, const PassedFrame& frame, const struct packet& packet, std::uint64_t ticks) {
  vmitap_record record;
  if (!vmitap_reserve(&producer_, &record, plan.payload_size)) return;
  vmitap_write(&record, &packet, sizeof packet);
  const auto& fetches = plan.request.inline_fetches;
  const auto told = std::as_bytes(std::span(&packet, 1));
  if (!fetches.empty()) {
    const std::uint64_t all =
        fetches.size() >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << fetches.size()) - 1;
    vmitap_write(&record, &all, sizeof all);
    for (const vmitap_fetch& fetch : fetches)
      append(record, fetch.base == VMITAP_FETCH_PACKET ? frame.bytes : told.subspan(fetch.origin),
             fetch.size);
  }
  vmitap_publish(&record, static_cast<std::uint32_t>(packet.direction),
                 fetches.empty() ? 0 : VMITAP_RECORD_INLINE, ticks);
}

// What the kernel had no room for is lost in the ring, too.
void VifTap::count_drops() {
  if (const std::uint64_t drops = socket_.take_drops(); drops != 0) lose(drops);
}

void VifTap::lose(std::uint64_t packets) {
  vmitap_local_add(&producer_.lost, packets);
  vmitap_local_add(&producer_.state->drops, packets);
}

struct packet VifTap::describe(const PassedFrame& frame) const {
  struct packet packet {};
  packet.direction = frame.is_outgoing ? PACKET_RECEIVED : PACKET_SENT;
  packet.length = frame.length;
  packet.interface = socket_.interface();
  std::ranges::copy(device_, packet.device);
  const Offload& offload = frame.offload;
  if ((offload.flags & Offload::needs_checksum) != 0) {
    packet.checksum = PACKET_CHECKSUM_PARTIAL;
    packet.checksum_start = offload.checksum_start;
  } else if ((offload.flags & Offload::checksum_is_good) != 0) {
    packet.checksum = PACKET_CHECKSUM_UNNECESSARY;
  }
  dissect(frame.bytes, packet);
  if (offload.gso_type != 0 && offload.gso_size != 0) {
    packet.gso_size = offload.gso_size;
    packet.gso_segments =
        static_cast<std::uint16_t>((packet.payload + offload.gso_size - 1) / offload.gso_size);
  }
  return packet;
}

ClockMap VifTap::clock() noexcept {
  const std::int64_t monotonic = now_ns(CLOCK_MONOTONIC);
  return {.base_ticks = static_cast<std::uint64_t>(monotonic),
          .base_monotonic_ns = monotonic,
          .base_realtime_ns = now_ns(CLOCK_REALTIME),
          .ns_per_tick = 1.0};
}

std::uint64_t VifTap::ticks() noexcept { return static_cast<std::uint64_t>(now_ns(CLOCK_MONOTONIC)); }

}  // namespace vmitap::backend::xen
