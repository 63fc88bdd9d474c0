// SPDX-License-Identifier: MIT
#include "backend/xen/packet_dissect.hpp"

#include "vmitap/packet_headers.h"

namespace vmitap::backend::xen {
namespace {

const vmitap_u8* frame_bytes(void* context, vmitap_u32 offset, vmitap_u32 size) {
  const auto& frame = *static_cast<const std::span<const std::byte>*>(context);
  if (offset > frame.size() || frame.size() - offset < size) return nullptr;
  return reinterpret_cast<const vmitap_u8*>(frame.data()) + offset;
}

}  // namespace

void dissect(std::span<const std::byte> frame, packet& packet) noexcept {
  vmitap_read_headers(&packet, false, &frame, frame_bytes);
}

}  // namespace vmitap::backend::xen
