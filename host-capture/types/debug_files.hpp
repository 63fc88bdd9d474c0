// SPDX-License-Identifier: MIT
// Finds the debug information that belongs to an ELF file, as gdb does:
// https://sourceware.org/gdb/current/onlinedocs/gdb.html/Separate-Debug-Files.html
// and then anywhere in or below the debug directories that were named.
#pragma once

#include <elfutils/libdw.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "types/elf_file.hpp"

namespace vmitap::types {

struct DwarfEnd {
  void operator()(Dwarf* dwarf) const noexcept { dwarf_end(dwarf); }
};
using DwarfHandle = std::unique_ptr<Dwarf, DwarfEnd>;

// An open libdw session and the files behind it. Members go in reverse order.
struct DebugInfo {
  std::optional<ElfFile> separate;   // set if it does not stand in the object's own file
  std::optional<ElfFile> alternate;  // dwz: what several debug files share
  DwarfHandle alternate_dwarf;
  DwarfHandle dwarf;

  // The file that the session reads.
  [[nodiscard]] const std::string& path(const ElfFile& object) const {
    return separate ? separate->path() : object.path();
  }
};

// ".build-id/xx/yyyy.debug"; the build id has more than two digits.
std::filesystem::path build_id_path(const std::string& build_id);

// `object` must outlive the result. Errc::no_debug_info, stale_debug_info, bad_debug_info.
Result<DebugInfo> open_debug_info(const ElfFile& object, std::span<const std::string> debug_dirs);

}  // namespace vmitap::types
