// SPDX-License-Identifier: MIT
// The host's half of the conversation of control_abi.h, whatever carries it: the bodies of requests, and what
// answers mean.
#pragma once

#include <string>

#include "backend/control_message.hpp"
#include "backend/guest.hpp"
#include "base/result.hpp"

namespace vmitap::backend {

// Body of ARM. At most VMITAP_FETCH_MAX inline fetches.
std::string arm_body(const ArmRequest& request);
// Body of DISARM.
std::string disarm_body(TriggerId trigger);

// What a refusal says of the guest named.
Error refusal(const Refused& refused, const std::string& guest);

// What the messages that answer LIST say, one after the other.
class CatalogMessages {
 public:
  // True after the last. Errc::protocol.
  Result<bool> take(ControlMessage&& message);
  [[nodiscard]] GuestCatalog& catalog() noexcept { return catalog_; }

 private:
  GuestCatalog catalog_;
  std::size_t text_ = 0;  // of the sites, in bytes
};

}  // namespace vmitap::backend
