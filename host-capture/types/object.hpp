// SPDX-License-Identifier: MIT
// From an ELF object to its catalog: finds the debug information that belongs to it and reads it.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "backend/guest.hpp"
#include "base/result.hpp"
#include "types/layout.hpp"

namespace vmitap::types {

struct LoadOptions {
  std::span<const std::string> debug_dirs = {};  // looked at before /usr/lib/debug
  // Lower-case hex of the object that runs; Errc::stale_debug_info if the file has another. Empty:
  // whatever the file says.
  std::string build_id = {};
  // Read every named type and not only what marks and triggers reach (`vmitap types`).
  bool all_types = false;
};

// Debug information is searched in the file itself, then as .build-id/xx/yyyy.debug below each
// debug directory, then by .gnu_debuglink, then by build id in and below each debug directory.
// Errc::no_debug_info, stale_debug_info, bad_debug_info, bad_file (not ELF, or not one of 64-bit
// little-endian), io.
Result<std::shared_ptr<const Catalog>> load_object(const std::string& path, const LoadOptions& options);

// What runs in a guest, and is found by its build id in the debug directories if the guest does not show
// its files. LoadOptions::build_id is the module's.
Result<std::shared_ptr<const Catalog>> load_module(const backend::GuestModule& module, LoadOptions options);

}  // namespace vmitap::types
