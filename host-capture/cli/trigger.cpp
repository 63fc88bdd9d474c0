// SPDX-License-Identifier: MIT
// vmitap trigger: the user's own trigger, from another terminal or a script.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "backend/guest.hpp"
#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "cli/command.hpp"
#include "cli/manual_socket.hpp"
#include "cli/report.hpp"

namespace vmitap::cli {
namespace {

constexpr const char* kHelp = R"(
Each rule of the capture that needs no trigger's arguments takes one record. The same as pressing the space
bar where the capture runs.

Examples:
  vmitap capture local:counter --read stats -o by-hand.mcap &
  vmitap trigger local:counter

Exit codes: 0 at least one rule fired; 1 none did, or an error; 2 bad usage.)";

Exit trigger(const std::string& name) {
  const auto guest = backend::open_guest(name);
  if (!guest) return report(guest.error());
  const backend::GuestIdentity& identity = (*guest)->identity();
  const auto rules = fire_by_socket(identity.address);
  const std::string shown = printable(fmt::format("{} ({})", identity.address, identity.name));
  if (!rules && rules.error().code == Errc::no_such_guest) {
    return report(fmt::format("no capture runs on {}", shown),
                  fmt::format("start one first: vmitap capture {} --read EXPR", printable(name)));
  }
  if (!rules) return report(rules.error());
  if (*rules == 0) {
    return report(fmt::format("no rule of the capture on {} fired", shown),
                  "each needs the arguments of its own trigger: add a rule that reads marks only");
  }
  fmt::print("{} fired on {}\n", plural(*rules, "rule"), shown);
  return Exit::ok;
}

}  // namespace

void add_trigger(CLI::App& app, Exit& exit) {
  auto guest = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("trigger", "Fire the manual trigger in the capture that runs on a guest");
  command->add_option("GUEST", *guest, "The guest: local:NAME, local:PID, xen:DOMAIN or xen:DOMAIN/PID")
      ->required();
  command->footer(kHelp);
  command->callback([guest, &exit] { exit = trigger(*guest); });
}

}  // namespace vmitap::cli
