// SPDX-License-Identifier: MIT
// A record's packet as record_json() (render.hpp) shows it: the argument "packet", vmitap/packet_abi.h. What
// is missing or of another kind is empty or 0: captures come from anywhere.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace vmitap::sink {

// nullptr if it is no object, or has none of that name.
const nlohmann::ordered_json* member(const nlohmann::ordered_json& object, std::string_view name);
std::string text_of(const nlohmann::ordered_json* value);
std::uint64_t number_of(const nlohmann::ordered_json* value);

}  // namespace vmitap::sink
