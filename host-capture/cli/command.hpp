// SPDX-License-Identifier: MIT
// The commands, one file each. add_NAME() describes a command to the parser; when the user gave it, it
// runs while the arguments are parsed and leaves its result in `exit`.
#pragma once

namespace CLI {
class App;
}

namespace vmitap::cli {

enum class Exit : int {
  ok = 0,
  failed = 1,     // an error at run time
  usage = 2,      // the command line or a rule file cannot be used as it stands
  cut_short = 3,  // an error ended a capture early, or left a guest out; what was captured is kept
};

void add_list(CLI::App& app, Exit& exit);
void add_capture(CLI::App& app, Exit& exit);
void add_trigger(CLI::App& app, Exit& exit);
void add_info(CLI::App& app, Exit& exit);
void add_decode(CLI::App& app, Exit& exit);
void add_export(CLI::App& app, Exit& exit);
void add_plot(CLI::App& app, Exit& exit);
void add_types(CLI::App& app, Exit& exit);
void add_doctor(CLI::App& app, Exit& exit);

}  // namespace vmitap::cli
