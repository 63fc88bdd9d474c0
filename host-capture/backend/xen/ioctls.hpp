// SPDX-License-Identifier: MIT
// The ioctls of Xen's devices, as its libraries make them on our behalf.
#pragma once

#include <vector>

namespace vmitap::backend::xen {

// Of an attached guest: hypercalls, foreign frames, grants, one event channel.
std::vector<unsigned long> xen_ioctls();
// Of who only gives pauses back.
std::vector<unsigned long> hypercall_ioctls();

}  // namespace vmitap::backend::xen
