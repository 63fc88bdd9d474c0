// SPDX-License-Identifier: MIT
// Any frame of a guest. What is told of it keeps the promises of packet_abi.h; a frame that is cut shorter
// tells nothing that the longer one did not.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "backend/xen/packet_dissect.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frame = std::as_bytes(std::span(data, size));
  struct packet packet {};
  vmitap::backend::xen::dissect(frame, packet);
  const bool is_ip = packet.ip_version == 4 || packet.ip_version == 6;
  if (!is_ip && (packet.ip_version != 0 || packet.ip_protocol != 0 || packet.source_port != 0 ||
                 packet.destination_port != 0 || packet.payload != 0 || packet.fragment != PACKET_WHOLE))
    std::abort();
  if (packet.fragment > PACKET_LATER_FRAGMENT || packet.tcp_flags > 0xfff) std::abort();
  if (packet.fragment == PACKET_LATER_FRAGMENT && (packet.source_port != 0 || packet.payload != 0))
    std::abort();
  const auto is_zero = [](vmitap_u8 byte) { return byte == 0; };
  if (packet.ip_version == 4 && !std::all_of(packet.source + 4, std::end(packet.source), is_zero))
    std::abort();
  struct packet cut {};
  vmitap::backend::xen::dissect(frame.first(size / 2), cut);
  if (cut.ip_version != 0 && cut.ip_version != packet.ip_version) std::abort();
  if (cut.source_port != 0 && cut.source_port != packet.source_port) std::abort();
  return 0;
}
