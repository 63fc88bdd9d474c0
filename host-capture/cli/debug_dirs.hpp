// SPDX-License-Identifier: MIT
// --debug-dir, which several commands have.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace vmitap::cli {

CLI::Option* add_debug_dirs(CLI::App& command, std::vector<std::string>& dirs);

}  // namespace vmitap::cli
