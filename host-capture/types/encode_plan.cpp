// SPDX-License-Identifier: MIT
#include "types/encode_plan.hpp"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "types/encode_run.hpp"

namespace vmitap::types {

#ifdef __x86_64__
namespace {

// Not all compilers' __builtin_cpu_supports know this one.
bool has_lzcnt() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c & (1U << 5)) != 0;
}

}  // namespace
#endif

EncodePlan::Run& fastest_run() noexcept {
#ifdef __x86_64__
  // Zen and Zen 2 have PDEP, in microcode that takes longer than doing without.
  if (__builtin_cpu_supports("bmi2") && has_lzcnt() && !__builtin_cpu_is("znver1") &&
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
