// SPDX-License-Identifier: MIT
// Witnesses as they are spelled at a trigger.
#pragma once

#include <optional>
#include <string_view>

#include "types/layout.hpp"

namespace vmitap::types {

// Of an argument as it was written, "VMITAP_SAME(sk, hash)"; nothing if it is no witness. Its place is not
// known from that.
std::optional<Witness> parse_witness(std::string_view argument);

}  // namespace vmitap::types
