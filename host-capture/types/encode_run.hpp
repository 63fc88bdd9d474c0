// SPDX-License-Identifier: MIT
// The loop that does a plan's operations: one source, compiled for any processor and for those that spread
// the bits of a varint in one instruction (x86-64's PDEP). Each writes in front of `front`, where the room
// must be, and returns where that starts.
#pragma once

#include "types/encode_plan.hpp"

namespace vmitap::types {

EncodePlan::Run run_anywhere;
#ifdef __x86_64__
EncodePlan::Run run_bmi2;
#endif

// The one that this processor does best.
EncodePlan::Run& fastest_run() noexcept;

}  // namespace vmitap::types
