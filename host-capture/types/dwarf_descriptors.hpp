// SPDX-License-Identifier: MIT
// From the descriptors that VMITAP_MARK and VMITAP_TRIGGER leave in a program to marks and triggers.
// Their form: guest-trigger/include/vmitap/site.h.
#pragma once

#include "base/result.hpp"
#include "types/dwarf_index.hpp"
#include "types/dwarf_types.hpp"
#include "types/elf_file.hpp"
#include "types/layout.hpp"

namespace vmitap::types::dwarf {

// Fills catalog.marks and catalog.triggers; `reader` appends to catalog.types. Errc::bad_file if the
// object's file does not hold their names.
Result<void> read_descriptors(const DwarfIndex& index, const ElfFile& object, TypeReader& reader,
                              Catalog& catalog);

}  // namespace vmitap::types::dwarf
