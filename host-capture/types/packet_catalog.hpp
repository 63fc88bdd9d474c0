// SPDX-License-Identifier: MIT
// The types of what this host itself says of packets (vmitap/packet_abi.h): no file of any guest's has them.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "types/layout.hpp"

namespace vmitap::types {

// The triggers packet.rx and packet.tx, with their argument `packet`. The same each time.
Result<std::shared_ptr<const Catalog>> packet_catalog();

}  // namespace vmitap::types
