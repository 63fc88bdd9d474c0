// SPDX-License-Identifier: MIT
// The types that a cast can name.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "types/expression_place.hpp"
#include "types/expression_tokens.hpp"

namespace vmitap::types {

// True if these tokens, from between parentheses, can only be a type: `struct tcp_pcb *`, `unsigned`.
bool is_type_name(std::span<const Token> tokens);

struct TypeName {
  std::string basic;  // of the language's own types: one spelling of the many; else empty
  std::string text;   // "struct tcp_pcb", as catalogs have it
  std::string bare;   // "tcp_pcb"
  unsigned pointers = 0;
};
TypeName type_name(std::span<const Token> tokens);
// Whether `name`, "long unsigned int", is what TypeName::basic stands for.
bool is_basic_type(std::string_view name, std::string_view basic);

// Errc::unknown_name with the nearest one.
Result<PointedType> find_type(const Catalog& catalog, std::span<const Token> tokens);

}  // namespace vmitap::types
