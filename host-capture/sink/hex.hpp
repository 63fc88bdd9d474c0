// SPDX-License-Identifier: MIT
// Bytes as render.hpp shows them: lower-case hexadecimal text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vmitap::sink {

std::string hex_of(std::string_view bytes);
// Empty if it is no such text.
std::vector<std::byte> bytes_in(std::string_view hex);

}  // namespace vmitap::sink
