// SPDX-License-Identifier: MIT
// Compiled with -mbmi2 (CMakeLists.txt).
#define VMITAP_ENCODE_RUN run_bmi2
#include "types/encode_run.cpp"
