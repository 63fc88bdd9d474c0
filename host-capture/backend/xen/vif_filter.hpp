// SPDX-License-Identifier: MIT
// The filters of both directions of an interface as one program of classic BPF, which the kernel runs for
// each packet before it keeps anything of it.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "vmitap/control_abi.h"

namespace vmitap::backend::xen {

struct DirectionFilter {
  bool wanted = false;
  std::uint32_t take = 0;                          // bytes of what passes
  std::span<const vmitap_filter_step> steps = {};  // none: everything passes
};

// `outgoing`: from this host out of the interface, which is what the guest receives. A VLAN tag that stands
// aside is nothing that steps can see, for they were compiled for tags in the frame: such a frame is let
// through whole, and passes_with_tag() decides once its tag is in its place.
std::vector<sock_filter> make_program(const DirectionFilter& outgoing, const DirectionFilter& incoming);

bool passes_with_tag(std::span<const vmitap_filter_step> steps, std::span<const std::byte> frame,
                     std::uint32_t length);

}  // namespace vmitap::backend::xen
