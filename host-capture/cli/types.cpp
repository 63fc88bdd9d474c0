// SPDX-License-Identifier: MIT
// vmitap types: layouts as vmitap reads them, of a guest, a capture, or an ELF object.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "backend/guest.hpp"
#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "cli/command.hpp"
#include "cli/debug_dirs.hpp"
#include "cli/guest_types.hpp"
#include "cli/layout_text.hpp"
#include "cli/patience.hpp"
#include "cli/report.hpp"
#include "cli/site_text.hpp"
#include "cli/terminal.hpp"
#include "sink/reader.hpp"
#include "types/catalog_proto.hpp"
#include "types/expression_kernel.hpp"
#include "types/kernel.hpp"
#include "types/object.hpp"

namespace vmitap::cli {
namespace {

using nlohmann::ordered_json;
using Catalogs = std::vector<std::shared_ptr<const types::Catalog>>;

constexpr const char* kHelp = R"(
Offsets and sizes are in bytes; a bit-field's offset is byte:bit, its size in bits. Holes and padding are
shown. Without a TYPE: marks, triggers, and every type that can be reached from them. With one: that type
alone; of a guest or an ELF object it may be any of its types, of a domain also its kernel's.

Examples:
  vmitap types local:counter
  vmitap types ./my-program 'struct connection'
  vmitap types demo.mcap tcp_pcb
  vmitap types xen:web 'struct task_struct'
  vmitap types ./my-program tcp_pcb --json | jq '.types[0].members[] | [.name, .offset]'

Exit codes: 0 ok; 1 no such type, or an error; 2 bad usage.)";

struct TypesOptions {
  std::string source;
  std::string type;
  bool json = false;
  std::vector<std::string> debug_dirs;
};

bool is_elf(const std::string& path) {
  std::array<char, 4> magic{};
  std::ifstream file(path, std::ios::binary);
  return file.read(magic.data(), magic.size()) && std::string_view(magic.data(), 4) == "\177ELF";
}

Result<Catalogs> of_capture(const std::string& path) {
  Catalogs catalogs;
  std::optional<Error> problem;
  sink::ReadHandlers handlers;
  handlers.catalog = [&](const Catalog& message) {
    auto catalog = types::from_proto(message);
    if (catalog) {
      catalogs.push_back(std::make_shared<const types::Catalog>(std::move(*catalog)));
    } else {
      problem = std::move(catalog.error());
      problem->subject = path;
    }
    return !problem;
  };
  handlers.record = [](const sink::ReadRecord&) { return false; };  // catalogs stand before the first record
  const auto outcome = sink::read_capture(path, handlers);
  if (!outcome) return fail(outcome.error());
  if (problem) return fail(std::move(*problem));
  return catalogs;
}

Result<Catalogs> of_guest(const std::string& name, const TypesOptions& options) {
  auto guest = backend::open_guest(name);
  if (!guest) return fail(std::move(guest.error()));
  auto loaded = load_guest_types(**guest, options.debug_dirs, !options.type.empty());
  if (!loaded) return fail(std::move(loaded.error()));
  Catalogs catalogs;
  for (ModuleTypes& module : loaded->modules) {
    // One object without types is no reason to hide the others; alone it is the answer.
    const bool is_alone = loaded->modules.size() == 1 && !(loaded->kernel && !options.type.empty());
    if (module.problem && is_alone) return fail(std::move(*module.problem));
    if (module.catalog) catalogs.push_back(module.catalog);
  }
  if (options.type.empty() || !loaded->kernel) return catalogs;
  // A module's debug information has the kernel's types as far as it needs them.
  const bool is_known = std::ranges::any_of(catalogs, [&](const auto& catalog) {
    const types::TypeId id = catalog->find(options.type);
    return id != 0 && !(*catalog)[id].is_declaration;
  });
  if (is_known) return catalogs;
  auto kernel = types::Kernel::read(**guest, loaded->kernel);
  if (!kernel) return fail(std::move(kernel.error()));
  auto catalog = types::of_kernel(**kernel, options.type);
  if (!catalog) return fail(std::move(catalog.error()));
  return Catalogs{std::move(*catalog)};
}

Result<Catalogs> catalogs_of(const TypesOptions& options) {
  const bool names_guest = options.source.starts_with("local:") || options.source.starts_with("xen:");
  std::error_code ignored;
  if (names_guest || !std::filesystem::exists(options.source, ignored)) {
    auto catalogs = of_guest(options.source, options);
    if (!catalogs && !names_guest && catalogs.error().code == Errc::no_such_guest) {
      Error error = std::move(catalogs.error());
      error.hint = "nor is it a file; name a guest (vmitap list), a capture or an ELF object";
      return fail(std::move(error));
    }
    return catalogs;
  }
  if (!is_elf(options.source)) return of_capture(options.source);
  auto catalog = types::load_object(
      options.source, {.debug_dirs = options.debug_dirs, .build_id = "", .all_types = !options.type.empty()});
  if (!catalog) return fail(std::move(catalog.error()));
  // An object without marks is still one with types.
  if (options.type.empty() && (*catalog)->marks.empty() && (*catalog)->triggers.empty()) {
    catalog = types::load_object(options.source,
                                 {.debug_dirs = options.debug_dirs, .build_id = "", .all_types = true});
    if (!catalog) return fail(std::move(catalog.error()));
  }
  return Catalogs{std::move(*catalog)};
}

Error unknown_type(const std::string& name, const Catalogs& catalogs) {
  std::vector<std::string_view> known;
  for (const auto& catalog : catalogs) {
    for (const types::TypeId id : definitions(*catalog)) known.push_back((*catalog)[id].name);
  }
  // One that was named without its scope, or else one that was mistyped.
  const auto scoped = std::ranges::find_if(
      known, [suffix = "::" + name](std::string_view type) { return type.ends_with(suffix); });
  return {.code = Errc::unknown_name,
          .operation = "among the types",
          .subject = name,
          .hint = scoped != known.end() ? std::string(*scoped) : nearest(name, known)};
}

ordered_json to_json(const types::Catalog& catalog, const std::vector<types::TypeId>& ids) {
  ordered_json json{{"object", printable(catalog.object)}, {"build_id", printable(catalog.build_id)}};
  json["triggers"] = ordered_json::array();
  for (const auto& site : catalog.triggers) json["triggers"].push_back(trigger_json(catalog, site));
  json["marks"] = ordered_json::array();
  for (const auto& mark : catalog.marks) {
    json["marks"].push_back(mark_json(catalog, mark));
    const types::TypeId unnamed = unnamed_definition(catalog, mark.type);
    if (unnamed != 0) json["marks"].back()["layout"] = layout_json(catalog, unnamed);
  }
  json["types"] = ordered_json::array();
  for (const types::TypeId id : ids) json["types"].push_back(layout_json(catalog, id));
  return json;
}

void print_head(const types::Catalog& catalog, const Style& style) {
  fmt::print("{}  {}\n", style.bold(printable(catalog.object)),
             style.dim("build id " + (catalog.build_id.empty() ? "none" : printable(catalog.build_id))));
  for (const auto& site : catalog.triggers) {
    fmt::print("  trigger  {:<58} {}\n", trigger_text(catalog, site),
               style.dim(place_text(site.file, site.line)));
  }
  for (const auto& mark : catalog.marks) {
    fmt::print("  mark     {:<58} {}\n", mark_text(catalog, mark),
               style.dim(place_text(mark.file, mark.line)));
  }
  fmt::print("\n");
}

Exit types_of(const TypesOptions& options) {
  Result<Catalogs> catalogs;
  {
    const Patience patience("reading debug information");
    catalogs = catalogs_of(options);
  }
  if (!catalogs) return report(catalogs.error());
  if (catalogs->empty()) {
    return report(fmt::format("{} holds no types", printable(options.source)),
                  "a guest needs a trigger or a mark and debug information; a capture must have begun");
  }
  const Style style(STDOUT_FILENO);
  ordered_json json = ordered_json::array();
  bool found = false;
  for (const auto& catalog : *catalogs) {
    std::vector<types::TypeId> ids;
    if (options.type.empty()) {
      ids = definitions(*catalog);
    } else if (const types::TypeId id = catalog->find(options.type); id != 0) {
      ids = {id};
    } else {
      continue;
    }
    found = true;
    if (options.json) {
      json.push_back(to_json(*catalog, ids));
      continue;
    }
    if (options.type.empty() || catalogs->size() > 1) print_head(*catalog, style);
    for (const types::Mark& mark : catalog->marks) {
      if (!options.type.empty() || unnamed_definition(*catalog, mark.type) == 0) continue;
      fmt::print("{}\n", unnamed_layout_text(*catalog, mark.type, mark.name));
    }
    for (const types::TypeId id : ids) {
      fmt::print("{}{}", layout_text(*catalog, id), options.type.empty() ? "\n" : "");
    }
  }
  if (!found) return report(unknown_type(options.type, *catalogs));
  // Nearly always it is one object, and then nobody wants to unwrap an array.
  if (options.json) fmt::print("{}\n", (json.size() == 1 ? json[0] : json).dump(2));
  return Exit::ok;
}

}  // namespace

void add_types(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<TypesOptions>();
  CLI::App* command =
      app.add_subcommand("types", "Show layouts as vmitap reads them: members, types, offsets, sizes");
  command
      ->add_option("SOURCE", options->source,
                   "A guest (local:NAME, local:PID, xen:DOMAIN, xen:DOMAIN/PID), a capture, or an ELF object")
      ->required();
  command->add_option("TYPE", options->type, "Only this type: tcp_pcb, 'struct tcp_pcb', u16_t");
  command->add_flag(
      "--json", options->json,
      "As JSON: triggers, marks and types of the object; an array of that if there are several");
  add_debug_dirs(*command, options->debug_dirs);
  command->footer(kHelp);
  command->callback([options, &exit] { exit = types_of(*options); });
}

}  // namespace vmitap::cli
