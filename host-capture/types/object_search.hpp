// SPDX-License-Identifier: MIT
// ELF files by build id, in folders that a user names.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace vmitap::types {

struct SearchLimits {
  int depth = 8;                // folders in folders
  std::size_t entries = 20000;  // files and folders of one debug directory
};

struct FoundObjects {
  // What best tells of the build stands first: code and debug information in one, then the one, then the
  // other.
  std::vector<std::string> paths;
  bool looked_at_all = true;  // false: a limit was met
};

// Regular files of this build id (lower-case hex) as <dir>/.build-id/xx/yyyy, in each folder itself, below
// it, and as <dir>/.build-id/xx/yyyy.debug. Hidden folders are passed over. What cannot be read is not found.
FoundObjects find_by_build_id(std::span<const std::string> dirs, const std::string& build_id,
                              const SearchLimits& limits = {});

// Path of the object that runs in a guest that does not show its files. `name`, what the guest calls it, is
// for the Errc::no_debug_info.
Result<std::string> find_object(std::span<const std::string> dirs, const std::string& build_id,
                                const std::string& name);

}  // namespace vmitap::types
