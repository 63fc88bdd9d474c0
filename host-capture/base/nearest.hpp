// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vmitap {

// The known name that a person most likely meant by `name`, for "did you mean"; empty if none is near.
// Near: the optimal string alignment distance (insert, delete, replace, swap neighbours; case counts
// a quarter step) is at most a third of the longer name's length, or one continues the other.
// Among more names than any honest program has, those that are not looked at in bounded time are not found.
std::string nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace vmitap
