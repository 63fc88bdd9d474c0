// SPDX-License-Identifier: MIT
// Errors in words. What guests and files chose (names, paths) is made printable().
#pragma once

#include <string>

#include "base/result.hpp"

namespace vmitap {

// What happened, to what: one sentence without a full stop.
std::string describe(const Error& error);
// What to do about it: one or two sentences without a full stop at the end; never empty.
std::string remedy(const Error& error);

}  // namespace vmitap
