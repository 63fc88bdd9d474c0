// SPDX-License-Identifier: MIT
#include "cli/debug_dirs.hpp"

#include <CLI/CLI.hpp>

namespace vmitap::cli {

CLI::Option* add_debug_dirs(CLI::App& command, std::vector<std::string>& dirs) {
  return command
      .add_option("--debug-dir", dirs,
                  "Folder of debug files, or of objects the guest keeps to itself; may be repeated")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory)
      // One each time: what follows may be the guest.
      ->allow_extra_args(false);
}

}  // namespace vmitap::cli
