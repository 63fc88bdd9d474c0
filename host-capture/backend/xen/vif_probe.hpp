// SPDX-License-Identifier: MIT
// What can be known of a domain's interface without taking its packets: for `vmitap doctor`.
#pragma once

#include <string_view>
#include <vector>

#include "backend/checks.hpp"

namespace vmitap::backend::xen {

std::vector<Check> check_vif(std::string_view name);

}  // namespace vmitap::backend::xen
