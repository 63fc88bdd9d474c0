// SPDX-License-Identifier: MIT
// Frames that pass a network interface of this host, both ways in their order. The kernel's packet socket
// itself and not libpcap, which keeps to itself what the socket says beside the bytes: direction, VLAN tag,
// offloads.
#pragma once

#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/handle.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

// More of a frame never comes. A record takes less.
inline constexpr std::size_t kFrameMax = 16384;
// Bytes that dom0's kernel may keep for us; it allows twice that, as it counts, at least 512 for a frame.
inline constexpr int kSocketBuffer = 32 << 20;
inline constexpr std::size_t kFramesHeld = std::size_t{2} * kSocketBuffer / 512;

// struct virtio_net_hdr of linux/virtio_net.h, which is no C++.
struct Offload {
  enum Flags : std::uint8_t { needs_checksum = 1, checksum_is_good = 2 };
  std::uint8_t flags;
  std::uint8_t gso_type;  // 0: none
  std::uint16_t header_size;
  std::uint16_t gso_size;
  std::uint16_t checksum_start;
  std::uint16_t checksum_offset;
};
static_assert(sizeof(Offload) == 10);

struct PassedFrame {
  std::span<const std::byte>
      bytes;                   // from its Ethernet header on, with its VLAN tag; as many as the filter takes
  std::uint32_t length = 0;    // of the whole
  bool is_outgoing = false;    // from this host out of the interface
  bool had_tag_aside = false;  // the filter has not seen its VLAN tag, which stands in the bytes
  std::int64_t realtime_ns = 0;  // when the kernel had it
  Offload offload{};             // checksum_start counts from the first byte
};

// One thread at a time.
class PacketSocket {
 public:
  // Takes nothing until filter(). Errc::access_denied; unsupported: the interface is down, or none.
  static Result<PacketSocket> open(const std::string& device);
  PacketSocket(PacketSocket&& other) noexcept;
  PacketSocket& operator=(PacketSocket&&) = delete;
  ~PacketSocket();

  // Of what it returns for a frame so many bytes come. Async to receive(). After an error the one before it
  // stays. Errc::unsupported: the kernel has no room for both of them, or takes no such program.
  Result<void> filter(std::span<const sock_filter> program);
  // What has come, some of it: valid until the next call. Empty: nothing more now, whatever became of the
  // interface.
  std::span<const PassedFrame> receive();
  // Frames that passed the filter and found no room, or could not be told, since the last call.
  std::uint64_t take_drops();
  // False once the interface was removed; its name may change.
  [[nodiscard]] bool has_interface() const;
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  [[nodiscard]] std::uint32_t interface() const noexcept { return interface_; }

 private:
  struct Slot;

  PacketSocket(Fd socket, std::uint32_t interface);
  static PassedFrame frame_in(Slot& slot, std::size_t received, msghdr& message);

  Fd socket_;
  std::uint32_t interface_;
  std::vector<Slot> slots_;
  std::vector<mmsghdr> messages_;
  std::vector<PassedFrame> frames_;
  std::uint64_t untold_ = 0;
};

}  // namespace vmitap::backend::xen
