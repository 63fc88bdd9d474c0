// SPDX-License-Identifier: MIT
#include "backend/local/fence.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vmitap::backend::local {
namespace {

long membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0); }

FenceKind ask_kernel() {
  const long offered = membarrier(MEMBARRIER_CMD_QUERY);
  if (offered < 0) return FenceKind::none;
  if ((offered & MEMBARRIER_CMD_GLOBAL_EXPEDITED) != 0) return FenceKind::expedited;
  return (offered & MEMBARRIER_CMD_GLOBAL) != 0 ? FenceKind::global : FenceKind::none;
}

}  // namespace

FenceKind fence_kind() noexcept {
  static const FenceKind kind = ask_kernel();
  return kind;
}

void fence() noexcept {
  membarrier(fence_kind() == FenceKind::expedited ? MEMBARRIER_CMD_GLOBAL_EXPEDITED : MEMBARRIER_CMD_GLOBAL);
}

}  // namespace vmitap::backend::local
