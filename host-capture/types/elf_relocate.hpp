// SPDX-License-Identifier: MIT
// Debug information of an object that nobody linked: what the linker would have put into it.
#pragma once

#include "base/result.hpp"
#include "types/elf_file.hpp"

namespace vmitap::types {

// From here on stands what is not in the section "vmitap_sites", which begins at 0: addresses in there
// are offsets, as LinkAddr wants them of such objects.
inline constexpr std::uint64_t kOtherSections = 1ULL << 40;

// Works in memory, on the sections that libdw has opened (and inflated); before anything is read of them,
// and once. Errc::bad_debug_info, unsupported.
Result<void> relocate_debug_info(const ElfFile& object);

}  // namespace vmitap::types
