// SPDX-License-Identifier: MIT
// The host's half of the sleep protocol (ring/FORMAT.md): a memory barrier on every CPU that runs a guest.
#pragma once

namespace vmitap::backend::local {

enum class FenceKind : unsigned char {
  expedited,  // MEMBARRIER_CMD_GLOBAL_EXPEDITED: microseconds
  global,     // MEMBARRIER_CMD_GLOBAL: waits for every CPU to schedule, milliseconds
  none,       // the kernel has no membarrier(2), or it is filtered
};

// The best that the kernel offers; asked once.
FenceKind fence_kind() noexcept;
// Precondition: fence_kind() is not none.
void fence() noexcept;

}  // namespace vmitap::backend::local
