// SPDX-License-Identifier: MIT
#include "backend/guest.hpp"

#include <fmt/format.h>

namespace vmitap::backend {

std::string captured_text(const GuestIdentity& guest) {
  if (guest.captured_by == VMITAP_HOST_IN_DOM0) return "captured from dom0";
  return fmt::format("captured by process {}", guest.captured_by);
}

void Guest::read_image(std::span<ReadRequest> requests) noexcept {
  for (ReadRequest& request : requests) request.status = ReadStatus::unreadable;
}

}  // namespace vmitap::backend
