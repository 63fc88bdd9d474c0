// SPDX-License-Identifier: MIT
// What vmitap needs of Xen and of a domain, tried out: for `vmitap doctor`.
#pragma once

#include <string_view>
#include <vector>

#include "backend/checks.hpp"

namespace vmitap::backend::xen {

// Nothing where no Xen runs: then nobody wants to know.
std::vector<Check> check_host();
// Neither attaches nor pauses.
std::vector<Check> check_guest(std::string_view name);

}  // namespace vmitap::backend::xen
