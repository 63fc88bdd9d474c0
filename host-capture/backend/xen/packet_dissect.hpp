// SPDX-License-Identifier: MIT
// What the headers of a frame say, as struct packet. The bytes are a guest's; they are read as
// netfront_hook.ko reads them (vmitap/packet_headers.h).
#pragma once

#include <cstddef>
#include <span>

#include "vmitap/packet_abi.h"

namespace vmitap::backend::xen {

// Fills in what stands in the headers, from ether_type to payload; `frame` begins with its Ethernet header
// and may be cut short anywhere.
void dissect(std::span<const std::byte> frame, struct packet& packet) noexcept;

}  // namespace vmitap::backend::xen
