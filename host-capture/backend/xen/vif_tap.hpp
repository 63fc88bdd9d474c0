// SPDX-License-Identifier: MIT
// A network interface of this host as a producer of records: a ring of our own, and a thread that writes a
// record into it for each packet, as netfront_hook.ko does in a guest. Behind the ring everything is as with
// any guest.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backend/guest.hpp"
#include "backend/xen/packet_socket.hpp"
#include "base/handle.hpp"
#include "vmitap/packet_abi.h"
#include "vmitap/ring_producer.h"

namespace vmitap::backend::xen {

class VifTap {
 public:
  // Errc::access_denied, unsupported: PacketSocket::open(). The thread gives up its capabilities.
  static Result<std::unique_ptr<VifTap>> open(const std::string& device);
  VifTap(const VifTap&) = delete;
  VifTap& operator=(const VifTap&) = delete;
  ~VifTap();

  [[nodiscard]] Channel channel() const noexcept { return {guest_region_.bytes(), host_region_.bytes()}; }
  [[nodiscard]] int doorbell() const noexcept { return doorbell_.get(); }
  void clear_doorbell() noexcept;
  // Of the triggers whose id is a packet_direction. Control thread. After an error all is as before.
  Result<void> arm(const ArmRequest& request);
  // What had passed until then is in the ring afterwards, or counted as lost: what that much time is not
  // enough for is counted.
  Result<void> disarm(TriggerId trigger, std::chrono::milliseconds patience = std::chrono::seconds(1));
  [[nodiscard]] bool has_interface() const { return socket_.has_interface(); }

  // What record of the ring has for ticks: CLOCK_MONOTONIC, ns. The kernel stamps packets with
  // CLOCK_REALTIME.
  [[nodiscard]] static ClockMap clock() noexcept;
  [[nodiscard]] static std::uint64_t ticks() noexcept;

 private:
  struct Plan {  // of a direction
    enum class Takes : unsigned char { nothing, records, count };
    Takes takes = Takes::nothing;
    ArmRequest request;
    std::uint32_t payload_size = 0;
    std::uint64_t passed = 0;
  };

  VifTap(PacketSocket socket, const std::string& device);
  Result<void> make_ring();
  void run(const std::stop_token& stopped);
  std::size_t drain();
  void take(const PassedFrame& frame, std::int64_t ahead);
  void write(Plan& plan, const PassedFrame& frame, const struct packet& packet, std::uint64_t ticks);
  void count_drops();
  void lose(std::uint64_t packets);
  void announce();
  Plan& plan_of(packet_direction direction) { return plans_[direction == PACKET_RECEIVED ? 0 : 1]; }
  Result<void> filter();
  [[nodiscard]] struct packet describe(const PassedFrame& frame) const;

  PacketSocket socket_;
  std::array<char, VMITAP_PACKET_DEVICE_MAX> device_{};
  Mapping guest_region_;
  Mapping host_region_;
  Fd doorbell_;  // eventfd
  Fd wake_;      // eventfd: the thread is to end

  std::mutex mutex_;  // over what follows: who holds it is the producer
  vmitap_producer producer_{};
  std::array<Plan, 2> plans_;
  std::jthread thread_;
};

}  // namespace vmitap::backend::xen
