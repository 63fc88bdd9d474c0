// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/ids.hpp"

namespace vmitap::types {

// Copies guest memory; false if not all of it can be read.
using GuestReader = std::function<bool(GuestVirt, std::span<std::byte>)>;

}  // namespace vmitap::types
