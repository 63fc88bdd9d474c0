// SPDX-License-Identifier: MIT
#include "types/encode_plan.hpp"

#include "types/encode_run.hpp"

namespace vmitap::types {

EncodePlan::Run& fastest_run() noexcept {
#ifdef __x86_64__
  // Zen and Zen 2 have PDEP, in microcode that takes longer than doing without.
  if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("lzcnt") && !__builtin_cpu_is("znver1") &&
      !__builtin_cpu_is("znver2"))
    return run_bmi2;
#endif
  return run_anywhere;
}

void EncodePlan::encode(std::span<const std::byte> value, BackWriter& out) const {
  static Run& run = fastest_run();
  encode(value, out, run);
}

void EncodePlan::encode(std::span<const std::byte> value, BackWriter& out, Run& run) const {
  if (operations_.empty() || value.size() < value_size_) return;
  out.set_front(run(operations_.data(), details_.data(), value.data(), out.front(encoded_max_)));
}

}  // namespace vmitap::types
