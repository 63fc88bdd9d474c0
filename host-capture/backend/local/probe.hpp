// SPDX-License-Identifier: MIT
// Tries out what the local backend needs.
#pragma once

#include <string_view>
#include <vector>

#include "backend/checks.hpp"

namespace vmitap::backend::local {

std::vector<Check> check_host();
std::vector<Check> check_guest(std::string_view name);

}  // namespace vmitap::backend::local
