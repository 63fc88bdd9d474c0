// SPDX-License-Identifier: MIT
// Per-CPU variables of a guest's kernel: which CPU an expression means, and where each CPU has its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "backend/guest.hpp"
#include "base/result.hpp"
#include "types/expression_tokens.hpp"
#include "types/guest_reader.hpp"

namespace vmitap::types {

// __per_cpu_offset of each possible CPU; none of a kernel that does not tell. Errc::unreadable_memory.
Result<std::vector<std::uint64_t>> read_per_cpu_offsets(const backend::KernelImage& image,
                                                        const GuestReader& read);
Result<std::vector<std::uint64_t>> read_per_cpu_offsets(const backend::KernelImage& image,
                                                        backend::Guest& guest);

// `[cpuN]`, which is nothing in C.
inline constexpr std::size_t kCpuTokens = 3;
bool names_cpu(std::span<const Token> tokens);
// N of the tokens that names_cpu() is true of, which is one of `cpus`; `text` is the whole expression, for
// errors: Errc::bad_expression, and unsupported if there are none.
Result<std::size_t> read_cpu(std::string_view text, std::span<const Token> tokens, std::size_t cpus);
// `name` is per CPU, and no CPU follows it at `where`.
tl::unexpected<Error> cpu_is_missing(std::string_view text, const Token& where, std::string_view name);

}  // namespace vmitap::types
