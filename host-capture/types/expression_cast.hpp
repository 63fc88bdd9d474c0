// SPDX-License-Identifier: MIT
// The types that a cast can name.
#pragma once

#include <span>

#include "base/result.hpp"
#include "types/expression_place.hpp"
#include "types/expression_tokens.hpp"

namespace vmitap::types {

// True if these tokens, from between parentheses, can only be a type: `struct tcp_pcb *`, `unsigned`.
bool is_type_name(std::span<const Token> tokens);

// Errc::unknown_name with the nearest one.
Result<PointedType> find_type(const Catalog& catalog, std::span<const Token> tokens);

}  // namespace vmitap::types
