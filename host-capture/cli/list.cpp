// SPDX-License-Identifier: MIT
// vmitap list: the guests that can be seen, with what they offer.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "backend/guest.hpp"
#include "base/error_text.hpp"
#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "cli/command.hpp"
#include "cli/debug_dirs.hpp"
#include "cli/guest_types.hpp"
#include "cli/manual_socket.hpp"
#include "cli/patience.hpp"
#include "cli/report.hpp"
#include "cli/say.hpp"
#include "cli/site_text.hpp"
#include "cli/terminal.hpp"
#include "types/witness.hpp"

namespace vmitap::cli {
namespace {

using nlohmann::ordered_json;

constexpr const char* kHelp = R"(
A guest is a running program that was built with vmitap's guest library, and that its user or root may
watch. It is named local:NAME or local:PID; NAME is the program's, or what VMITAP_NAME said when it was
started. In a Xen dom0 the domains are guests, too: xen:DOMAIN is a kernel with vmitap.ko, xen:DOMAIN/PID a
program in it, xen:DOMAIN/vifN its network interface as dom0 has it, which needs no module. Types are read from
the debug information of the objects that run. In JSON, captured_by is the process that has attached the guest,
and capturing tells that its triggers are on.

Examples:
  vmitap list
  vmitap list --json | jq '.[].triggers[].name'
  until vmitap list --json | jq -e '.[] | select(.id == 1234).capturing'; do sleep 0.1; done

Exit codes: 0 also if no guest runs; 1 an error; 2 bad usage.)";

struct Listed {
  backend::Seen seen;
  Result<GuestTypes> types;
};

// Who did not answer. A domain has many channels, and may keep us waiting at each: once is enough.
using Silent = std::set<std::pair<std::string, std::uint64_t>>;

Listed look_at(backend::Seen seen, std::span<const std::string> debug_dirs, Silent& silent) {
  const Patience patience("reading the guests' debug information");
  Result<GuestTypes> types;
  const std::pair whose(seen.identity.backend, seen.identity.id);
  if (seen.problem.empty() && silent.contains(whose)) {
    seen.problem = "not asked, as another of its domain's channels did not answer";
  } else if (seen.problem.empty()) {
    auto guest = backend::open_guest(seen.identity.address);
    types = guest ? load_guest_types(**guest, debug_dirs, false) : fail(std::move(guest.error()));
    if (!types) seen.problem = describe(types.error());
    if (!types && types.error().code == Errc::timeout) silent.insert(whose);
  }
  return {std::move(seen), std::move(types)};
}

// As written, without what only tells one object from another: the typed ones have no such argument.
std::vector<std::string> arguments_of(const backend::GuestSite& site) {
  std::vector<std::string> arguments = site.arguments;
  std::erase_if(arguments,
                [](const std::string& argument) { return types::parse_witness(argument).has_value(); });
  return arguments;
}

// A site whose types are not known, as the guest itself tells it.
std::string bare_text(const backend::GuestSite& site) {
  if (!site.is_trigger) return printable(site.name) + (site.per_cpu ? "[cpuN]" : "");
  return printable(fmt::format("{}({})", site.name, fmt::join(arguments_of(site), ", ")));
}

ordered_json bare_json(const backend::GuestSite& site) {
  if (!site.is_trigger) return {{"name", printable(site.name)}, {"size", site.size}, {"line", site.line}};
  ordered_json arguments = ordered_json::array();
  for (const std::string& argument : arguments_of(site)) arguments.push_back({{"name", printable(argument)}});
  return {{"name", printable(site.name)}, {"arguments", std::move(arguments)}, {"line", site.line}};
}

// An element of the array, which is printed while the next guest is not looked at yet.
void print_json(const ordered_json& guest, bool is_first) {
  const std::string text = guest.dump(2);
  std::string_view rest = text;
  for (const char* before = is_first ? "\n  " : ",\n  "; !rest.empty(); before = "\n  ") {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    fmt::print("{}{}", before, line);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
}

ordered_json to_json(const Listed& guest) {
  const backend::GuestIdentity& identity = guest.seen.identity;
  ordered_json json{
      {"guest", printable(identity.address)},   {"backend", identity.backend},
      {"name", printable(identity.name)},       {"id", identity.id},
      {"captured_by", identity.captured_by},    {"capturing", capture_listens(identity.address)},
      {"program", printable(identity.program)}, {"problem", guest.seen.problem}};
  json["triggers"] = ordered_json::array();
  json["marks"] = ordered_json::array();
  json["objects"] = ordered_json::array();
  if (!guest.types) return json;
  for (const backend::GuestSite& site : guest.types->sites) {
    const ModuleTypes* module = guest.types->module_of(site);
    const types::TriggerSite* trigger = site.is_trigger ? guest.types->trigger_of(site) : nullptr;
    const types::Mark* mark = site.is_trigger ? nullptr : guest.types->mark_of(site);
    ordered_json& list = json[site.is_trigger ? "triggers" : "marks"];
    if (trigger != nullptr) {
      list.push_back(trigger_json(*module->catalog, *trigger));
    } else if (mark != nullptr) {
      list.push_back(mark_json(*module->catalog, *mark));
    } else {
      list.push_back(bare_json(site));
    }
    if (!site.is_trigger) list.back()["per_cpu"] = site.per_cpu;
  }
  for (const ModuleTypes& module : guest.types->modules) {
    json["objects"].push_back({{"path", printable(module.module.path)},
                               {"build_id", module.module.build_id},
                               {"problem", module.problem ? describe(*module.problem) : ""}});
  }
  return json;
}

void print_sites(const GuestTypes& types, bool triggers, const Style& style) {
  bool first = true;
  for (const backend::GuestSite& site : types.sites) {
    if (site.is_trigger != triggers) continue;
    const ModuleTypes* module = types.module_of(site);
    std::string text = bare_text(site);
    std::string place;
    if (const types::TriggerSite* trigger = triggers ? types.trigger_of(site) : nullptr) {
      text = trigger_text(*module->catalog, *trigger);
      place = place_text(trigger->file, trigger->line);
    } else if (const types::Mark* mark = triggers ? nullptr : types.mark_of(site)) {
      text = mark_text(*module->catalog, *mark, site.per_cpu);
      place = place_text(mark->file, mark->line);
    }
    fmt::print("  {:<9} {:<58} {}\n", first ? (triggers ? "triggers" : "marks") : "", text, style.dim(place));
    first = false;
  }
}

void print(const Listed& guest, const Style& style) {
  const backend::GuestIdentity& identity = guest.seen.identity;
  const std::string name = fmt::format("{}:{}", identity.backend, printable(identity.name));
  const std::string address = printable(identity.address);
  fmt::print("{}", style.bold(name));
  if (address != name) fmt::print("  {}", address);
  if (identity.captured_by != 0) {
    fmt::print("  {}", style.yellow(backend::captured_text(identity)));
  }
  fmt::print("\n  {:<9} {}\n", "program", printable(identity.program));
  if (!guest.seen.problem.empty()) fmt::print("  {:<9} {}\n", "problem", style.red(guest.seen.problem));
  if (!guest.types) return;
  print_sites(*guest.types, true, style);
  print_sites(*guest.types, false, style);
  for (const ModuleTypes& module : guest.types->modules) {
    if (!module.problem) continue;
    fmt::print("  {:<9} {}\n  {:<9} {}\n", "no types", style.red(describe(*module.problem)), "",
               remedy(*module.problem));
  }
}

void tell_not_shown(const backend::Seen& seen) {
  if (seen.not_shown == 0) return;
  const std::string domain = printable(seen.identity.address.substr(0, seen.identity.address.find('/')));
  warn(fmt::format("{}: {} not shown", domain, plural(seen.not_shown, "more program")),
       fmt::format("name one by its PID: {}/PID", domain));
}

struct ListOptions {
  bool json = false;
  std::vector<std::string> debug_dirs;
};

// One after the other: what a guest says of itself is large, if it wants that, and nobody needs two at once.
Exit list(const ListOptions& options) {
  const Style style(STDOUT_FILENO);
  std::vector<backend::Seen> seen = backend::seen_guests();
  Silent silent;
  bool is_first = true;
  if (options.json) fmt::print("[");
  for (backend::Seen& each : seen) {
    const Listed guest = look_at(std::move(each), options.debug_dirs, silent);
    if (options.json) {
      print_json(to_json(guest), is_first);
    } else {
      if (!is_first) fmt::print("\n");
      print(guest, style);
    }
    is_first = false;
    tell_not_shown(guest.seen);
  }
  if (options.json) {
    fmt::print("{}]\n", seen.empty() ? "" : "\n");
  } else if (seen.empty()) {
    say("No guest runs here.\n"
        "  Start a program that was built with vmitap's guest library; vmitap doctor tells what is in "
        "the way.\n");
  }
  return Exit::ok;
}

}  // namespace

void add_list(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* command =
      app.add_subcommand("list", "Show the guests that run here, with their triggers, marks and types");
  command->add_flag("--json", options->json, "As JSON: an array of guests");
  add_debug_dirs(*command, options->debug_dirs);
  command->footer(kHelp);
  command->callback([options, &exit] { exit = list(*options); });
}

}  // namespace vmitap::cli
