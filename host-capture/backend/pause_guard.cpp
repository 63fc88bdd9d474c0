// SPDX-License-Identifier: MIT
#include <utility>

#include "backend/guest.hpp"

namespace vmitap::backend {

Result<PauseGuard> PauseGuard::pause(Guest& guest) {
  if (auto paused = guest.pause(); !paused) return fail(std::move(paused.error()));
  return PauseGuard(guest);
}

PauseGuard::PauseGuard(PauseGuard&& other) noexcept : guest_(std::exchange(other.guest_, nullptr)) {}

PauseGuard::~PauseGuard() { unpause(); }

void PauseGuard::unpause() noexcept {
  if (Guest* const guest = std::exchange(guest_, nullptr); guest != nullptr) guest->unpause();
}

}  // namespace vmitap::backend
