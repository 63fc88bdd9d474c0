// SPDX-License-Identifier: MIT
// What a Linux kernel tells crash dumpers of itself: lines of KEY=VALUE
// (Documentation/admin-guide/kdump/vmcoreinfo.rst). Out of guest memory, so any text.
#pragma once

#include <optional>
#include <string_view>

#include "base/ids.hpp"

namespace vmitap::types {

// Of the first such line; empty if there is none.
std::string_view vmcoreinfo_value(std::string_view text, std::string_view key);
// SYMBOL(name)=ffffffff81000000
std::optional<GuestVirt> vmcoreinfo_symbol(std::string_view text, std::string_view name);

}  // namespace vmitap::types
