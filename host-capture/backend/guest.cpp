// SPDX-License-Identifier: MIT
#include "backend/guest.hpp"

namespace vmitap::backend {

void Guest::read_image(std::span<ReadRequest> requests) noexcept {
  for (ReadRequest& request : requests) request.status = ReadStatus::unreadable;
}

}  // namespace vmitap::backend
