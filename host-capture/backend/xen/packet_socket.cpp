// SPDX-License-Identifier: MIT
#include "backend/xen/packet_socket.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vmitap::backend::xen {
namespace {

constexpr std::size_t kAtOnce = 64;
constexpr std::size_t kTag = 4;
constexpr std::size_t kAddresses = std::size_t{2} * ETH_ALEN;

tl::unexpected<Error> failed(const char* operation, const std::string& device) {
  const int error = errno;
  const bool denied = error == EPERM || error == EACCES;
  return fail({.code = denied ? Errc::access_denied : Errc::system,
               .operation = operation,
               .subject = "network interface " + device,
               .sys = error,
               .hint = denied ? "run vmitap as root in dom0 (CAP_NET_RAW)" : ""});
}

template <class T>
bool set(const Fd& socket, int level, int option, const T& value) {
  return ::setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

bool attach(const Fd& socket, std::span<const sock_filter> program) {
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                          .filter = const_cast<sock_filter*>(program.data())};
  return set(socket, SOL_SOCKET, SO_ATTACH_FILTER, filter);
}

}  // namespace

struct PacketSocket::Slot {
  Offload offload{};
  std::array<std::byte, kTag + kFrameMax> bytes;  // with room for a tag before them
  sockaddr_ll from{};
  alignas(cmsghdr)
      std::array<std::byte, CMSG_SPACE(sizeof(tpacket_auxdata)) + CMSG_SPACE(sizeof(timespec))> beside;
  std::array<iovec, 2> parts{};
};

PacketSocket::PacketSocket(Fd socket, std::uint32_t interface)
    : socket_(std::move(socket)), interface_(interface), slots_(kAtOnce), messages_(kAtOnce) {
  frames_.reserve(kAtOnce);
  for (std::size_t i = 0; i < kAtOnce; ++i) {
    Slot& slot = slots_[i];
    slot.parts = {{{&slot.offload, sizeof slot.offload}, {slot.bytes.data() + kTag, kFrameMax}}};
  }
}

PacketSocket::PacketSocket(PacketSocket&&) noexcept = default;
PacketSocket::~PacketSocket() = default;

Result<PacketSocket> PacketSocket::open(const std::string& device) {
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failed("socket(AF_PACKET)", device);
  ifreq request{};
  device.copy(request.ifr_name, sizeof request.ifr_name - 1);
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return failed("SIOCGIFFLAGS", device);
  if ((request.ifr_flags & IFF_UP) == 0)
    return fail({.code = Errc::unsupported,
                 .subject = "network interface " + device + ", which is down,",
                 .hint = "ip link set " + device + " up, or see why its hotplug script did not"});
  const unsigned interface = ::if_nametoindex(device.c_str());
  if (interface == 0) return failed("if_nametoindex", device);
  constexpr std::array<sock_filter, 1> nothing{{BPF_STMT(BPF_RET | BPF_K, 0)}};
  if (!attach(socket, nothing)) return failed("SO_ATTACH_FILTER", device);
  constexpr int on = 1;
  if (!set(socket, SOL_PACKET, PACKET_AUXDATA, on)) return failed("PACKET_AUXDATA", device);
  if (!set(socket, SOL_PACKET, PACKET_VNET_HDR, on)) return failed("PACKET_VNET_HDR", device);
  if (!set(socket, SOL_SOCKET, SO_TIMESTAMPNS, on)) return failed("SO_TIMESTAMPNS", device);
  if (!set(socket, SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer) &&
      !set(socket, SOL_SOCKET, SO_RCVBUF, kSocketBuffer))
    return failed("SO_RCVBUF", device);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(interface);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed("bind", device);
  return PacketSocket(std::move(socket), interface);
}

Result<void> PacketSocket::filter(std::span<const sock_filter> program) {
  if (attach(socket_, program)) return {};
  const int error = errno;
  return fail(
      {.code = Errc::unsupported,
       .operation = "SO_ATTACH_FILTER",
       .subject = "this filter of packets",
       .sys = error,
       .hint = error == ENOMEM ? "sysctl net.core.optmem_max=262144 in dom0, or a shorter filter" : ""});
}

std::span<const PassedFrame> PacketSocket::receive() {
  for (std::size_t i = 0; i < kAtOnce; ++i) {
    Slot& slot = slots_[i];
    messages_[i].msg_hdr = {.msg_name = &slot.from,
                            .msg_namelen = sizeof slot.from,
                            .msg_iov = slot.parts.data(),
                            .msg_iovlen = slot.parts.size(),
                            .msg_control = slot.beside.data(),
                            .msg_controllen = slot.beside.size(),
                            .msg_flags = 0};
  }
  frames_.clear();
  for (;;) {
    const int count = ::recvmmsg(socket_.get(), messages_.data(), kAtOnce, 0, nullptr);
    // The interface went down, which is said once, before what had come until then.
    if (count < 0 && (errno == EINTR || errno == ENETDOWN)) continue;
    // Offloads that a virtio header has no words for: the kernel has thrown the frame away.
    if (count < 0 && errno == EINVAL) {
      ++untold_;
      continue;
    }
    for (std::size_t i = 0; count > 0 && i < static_cast<std::size_t>(count); ++i)
      frames_.push_back(frame_in(slots_[i], messages_[i].msg_len, messages_[i].msg_hdr));
    return frames_;
  }
}

PassedFrame PacketSocket::frame_in(Slot& slot, std::size_t received, msghdr& message) {
  PassedFrame frame;
  std::size_t size = received - std::min(received, sizeof slot.offload);
  size = std::min(size, kFrameMax);
  std::byte* begin = slot.bytes.data() + kTag;
  frame.length = static_cast<std::uint32_t>(size);
  frame.is_outgoing = slot.from.sll_pkttype == PACKET_OUTGOING;
  frame.offload = slot.offload;
  for (cmsghdr* said = CMSG_FIRSTHDR(&message); said != nullptr; said = CMSG_NXTHDR(&message, said)) {
    if (said->cmsg_level == SOL_SOCKET && said->cmsg_type == SO_TIMESTAMPNS) {
      timespec when;
      std::memcpy(&when, CMSG_DATA(said), sizeof when);
      frame.realtime_ns = std::int64_t{when.tv_sec} * 1'000'000'000 + when.tv_nsec;
    } else if (said->cmsg_level == SOL_PACKET && said->cmsg_type == PACKET_AUXDATA) {
      tpacket_auxdata told;
      std::memcpy(&told, CMSG_DATA(said), sizeof told);
      frame.length = told.tp_len;
      if ((told.tp_status & TP_STATUS_VLAN_VALID) == 0 || size < kAddresses) continue;
      const bool knows_type = (told.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
      const std::array<std::uint16_t, 2> tag{
          htons(knows_type ? told.tp_vlan_tpid : static_cast<std::uint16_t>(ETHERTYPE_VLAN)),
          htons(told.tp_vlan_tci)};
      std::memmove(begin - kTag, begin, kAddresses);
      begin -= kTag;
      std::memcpy(begin + kAddresses, tag.data(), kTag);
      size += kTag;
      frame.length += kTag;
      frame.had_tag_aside = true;
      frame.offload.checksum_start = static_cast<std::uint16_t>(frame.offload.checksum_start + kTag);
    }
  }
  frame.bytes = {begin, size};
  return frame;
}

std::uint64_t PacketSocket::take_drops() {
  tpacket_stats since{};
  socklen_t size = sizeof since;
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &since, &size) != 0) since = {};
  return since.tp_drops + std::exchange(untold_, 0);
}

bool PacketSocket::has_interface() const {
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  return ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
         address.sll_ifindex == static_cast<int>(interface_);
}

}  // namespace vmitap::backend::xen
