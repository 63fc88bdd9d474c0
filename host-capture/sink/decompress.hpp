// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmitap::sink {

// Decompresses zstd frames into `out`, which is reused. False unless they give exactly `size` bytes. The
// work and memory follow what the frames really give, up to `size`, which the caller has bounded.
bool decompress_zstd(std::span<const std::byte> frames, std::uint64_t size, std::vector<std::byte>& out);

}  // namespace vmitap::sink
