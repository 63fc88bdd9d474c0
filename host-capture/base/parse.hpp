// SPDX-License-Identifier: MIT
// What a person writes for a quantity. Errors: Errc::bad_config, subject the text, hint what was expected.
#pragma once

#include <chrono>
#include <string_view>

#include "base/result.hpp"

namespace vmitap {

// "500us", "10ms", "1.5s", "2m", "1h", "250ns": a number of at least 0 and its unit, up to 100 years.
// A bare "0" needs no unit.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// "5%", "0.5%", or a share "0.05": 0 to 1.
Result<double> parse_share(std::string_view text);

}  // namespace vmitap
