// SPDX-License-Identifier: MIT
// The command. What each part does stands in the file of its name.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>

#include "cli/command.hpp"
#include "cli/report.hpp"

namespace vmitap::cli {
namespace {

constexpr const char* kPurpose =
    "vmitap: see typed variables inside a running guest, from outside.\n"
    "Triggers fire in the guest, vmitap reads marked variables by their C types and writes protobuf records.";

constexpr const char* kFooter = R"(
Try it:
  vmitap list                                          which guests run, and what they offer
  vmitap capture local:counter --on tick -o tick.mcap  capture at each fire of a trigger; Ctrl-C ends it well
  vmitap info tick.mcap                                what stands in the capture
  vmitap decode tick.mcap | head                       its records, as JSON lines

Each command teaches itself: vmitap COMMAND --help

Exit codes: 0 ok; 1 an error; 2 bad usage; 3 a capture was cut short by an error, what was captured is kept.)";

int run(int argc, char** argv) {
  CLI::App app(kPurpose, "vmitap");
  Exit exit = Exit::ok;
  app.set_version_flag("--version", "vmitap " VMITAP_VERSION);
  app.footer(kFooter);
  app.get_formatter()->column_width(30);
  for (const auto add :
       {add_list, add_capture, add_trigger, add_info, add_decode, add_plot, add_types, add_doctor}) {
    add(app, exit);
  }
  if (argc == 1) {
    fmt::print("{}", app.help());
    return 0;
  }
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(report(error.what(), "see: vmitap --help, vmitap COMMAND --help", Exit::usage));
  }
  if (std::fflush(stdout) != 0) {
    return static_cast<int>(
        report({.code = Errc::io, .operation = "write", .subject = "standard output", .sys = errno}));
  }
  return static_cast<int>(exit);
}

}  // namespace
}  // namespace vmitap::cli

// Errors are values everywhere below; what a library throws beyond them ends here, in words.
int main(int argc, char** argv) {
  try {
    return vmitap::cli::run(argc, argv);
  } catch (const std::exception& error) {
    return static_cast<int>(vmitap::cli::report(
        error.what(), "if this is not a lack of memory or of room for the output, please report it"));
  }
}
