// SPDX-License-Identifier: MIT
// vmitap doctor: what works here, what does not, and the remedy for each.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "backend/checks.hpp"
#include "base/error_text.hpp"
#include "base/printable.hpp"
#include "cli/command.hpp"
#include "cli/debug_dirs.hpp"
#include "cli/guest_types.hpp"
#include "cli/patience.hpp"
#include "cli/terminal.hpp"

namespace vmitap::cli {
namespace {

using backend::Check;

constexpr const char* kHelp = R"(
Everything is tried out, not guessed: a child process is made, read, and paused. With a GUEST it also looks
at that guest and its debug information; the guest is neither attached nor paused.

Examples:
  vmitap doctor
  vmitap doctor local:counter
  vmitap doctor xen:web --debug-dir build/modules

Exit codes: 0 everything works, if need be not all of it; 1 something fails; 2 bad usage.)";

void print(const Check& check, const Style& style) {
  std::string verdict;
  switch (check.verdict) {
    case Check::Verdict::works:
      verdict = style.green("ok     ");
      break;
    case Check::Verdict::limited:
      verdict = style.yellow("limited");
      break;
    case Check::Verdict::fails:
      verdict = style.red("FAILS  ");
      break;
  }
  fmt::print("  {} {:<46} {}\n", verdict, check.what, check.finding);
  if (!check.remedy.empty()) fmt::print("          {}\n", style.bold("→ " + check.remedy));
}

// What vmitap reads of an object: tried as a capture would.
std::vector<Check> check_types(const std::string& name, std::span<const std::string> debug_dirs) {
  auto guest = backend::open_guest(name);
  if (!guest) return {};  // check_guest has said so
  const auto types = load_guest_types(**guest, debug_dirs, false);
  if (!types) {
    return {{"asking it for its triggers and marks", Check::Verdict::fails, describe(types.error()),
             remedy(types.error())}};
  }
  std::vector<Check> checks;
  std::size_t triggers = 0;
  for (const backend::GuestSite& site : types->sites) triggers += site.is_trigger ? 1 : 0;
  Check offers{"asking it for its triggers and marks", Check::Verdict::works,
               fmt::format("{} places with triggers, {} marks", triggers, types->sites.size() - triggers),
               ""};
  if (types->sites.empty()) {
    offers.verdict = Check::Verdict::limited;
    offers.remedy = "mark a variable with VMITAP_MARK(variable), a place with VMITAP_TRIGGER(name, values…)";
  }
  checks.push_back(std::move(offers));
  // Then a capture reads what they, or the kernel, have.
  const bool others_typed =
      types->kernel.has_value() || std::ranges::any_of(types->modules, &ModuleTypes::has_types);
  for (const ModuleTypes& module : types->modules) {
    const std::string what =
        fmt::format("types of {}", printable(module.module.path.substr(module.module.path.rfind('/') + 1)));
    if (module.problem && module.problem->code == Errc::no_debug_info && others_typed) {
      checks.push_back({what, Check::Verdict::limited, describe(*module.problem), remedy(*module.problem)});
    } else if (module.problem) {
      checks.push_back({what, Check::Verdict::fails, describe(*module.problem), remedy(*module.problem)});
    } else {
      checks.push_back(
          {what, Check::Verdict::works,
           fmt::format("{} types, build id {}", module.catalog->types.size() - 1, module.catalog->build_id),
           ""});
    }
  }
  return checks;
}

struct Outcome {
  bool good = true;
  std::string but;
};

void print_all(const std::vector<Check>& checks, const Style& style, Outcome& outcome) {
  for (const Check& check : checks) {
    print(check, style);
    outcome.good = outcome.good && check.verdict != Check::Verdict::fails;
    if (!check.but.empty()) outcome.but = check.but;
  }
}

struct DoctorOptions {
  std::string guest;
  std::vector<std::string> debug_dirs;
};

Exit doctor(const DoctorOptions& options) {
  const Style style(STDOUT_FILENO);
  fmt::print("{}\n", style.bold("this machine"));
  std::fflush(stdout);  // the checks fork
  Outcome outcome;
  print_all(backend::check_host(), style, outcome);
  std::size_t seen = 0;
  if (options.guest.empty()) {
    seen = backend::seen_guests().size();
  } else {
    fmt::print("\n{}\n", style.bold(printable(options.guest)));
    print_all(backend::check_guest(options.guest), style, outcome);
    const auto types = [&] {
      const Patience patience("reading debug information");  // its line is gone before theirs come
      return check_types(options.guest, options.debug_dirs);
    }();
    print_all(types, style, outcome);
  }
  if (!outcome.good) {
    fmt::print("\n{}\n", style.red("Something fails; the arrows say what to do."));
    return Exit::failed;
  }
  fmt::print("\n{}\n", outcome.but.empty() ? style.green("vmitap works here.")
                                           : style.yellow("vmitap works here, but " + outcome.but + "."));
  if (options.guest.empty()) {
    fmt::print("{}\n", seen == 0 ? "No guest runs now; with one: vmitap doctor GUEST"
                                 : "See the guests with: vmitap list");
  }
  return Exit::ok;
}

}  // namespace

void add_doctor(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command =
      app.add_subcommand("doctor", "Try out what works here, what does not, and the remedy for each");
  command->add_option(
      "GUEST", options->guest,
      "Look at this guest too: local:NAME, local:PID, xen:DOMAIN, xen:DOMAIN/PID, xen:DOMAIN/vifN");
  add_debug_dirs(*command, options->debug_dirs);
  command->footer(kHelp);
  command->callback([options, &exit] { exit = doctor(*options); });
}

}  // namespace vmitap::cli
