// SPDX-License-Identifier: MIT
// char[] as a protobuf string, which must be valid UTF-8.
#pragma once

#include <cstddef>

namespace vmitap::types::wire {

// The text up to its NUL or `size` bytes; bytes that are not UTF-8 as \xNN. Needs room for 4 * size
// bytes. Returns the new front.
std::byte* put_text(std::byte* front, const std::byte* text, std::size_t size) noexcept;

}  // namespace vmitap::types::wire
