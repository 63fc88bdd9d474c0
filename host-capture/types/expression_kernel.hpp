// SPDX-License-Identifier: MIT
// What an expression says of the guest's kernel: kernel:SYMBOL[cpuN]:TYPE.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "types/expression_place.hpp"
#include "types/expression_tokens.hpp"
#include "types/kernel.hpp"

namespace vmitap::types {

// True if these tokens begin with `kernel:`, which is nothing in C.
bool names_kernel(std::span<const Token> tokens);

struct KernelPlace {
  std::uint64_t address = 0;
  PointedType type;        // in kernel.catalog()
  std::size_t tokens = 0;  // how many of them said so
};

// `text` is the whole expression, for errors. Those of types::resolve().
Result<KernelPlace> find_in_kernel(Kernel& kernel, std::string_view text, std::span<const Token> tokens);

// As find_type(), in the kernel's types.
Result<PointedType> find_kernel_type(Kernel& kernel, std::span<const Token> tokens);

// The types that are called so, and what they hold: "struct task_struct". Errc::unknown_name.
Result<std::shared_ptr<const Catalog>> of_kernel(Kernel& kernel, std::string_view type);

}  // namespace vmitap::types
