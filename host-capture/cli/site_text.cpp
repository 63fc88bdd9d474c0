// SPDX-License-Identifier: MIT
#include "cli/site_text.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"

namespace vmitap::cli {

using nlohmann::ordered_json;

std::string place_text(const std::string& file, std::uint32_t line) {
  if (file.empty()) return {};
  return printable(fmt::format("{}:{}", file.substr(file.rfind('/') + 1), line));
}

std::string trigger_text(const types::Catalog& catalog, const types::TriggerSite& site) {
  std::string arguments;
  for (const types::Argument& argument : site.arguments) {
    if (!arguments.empty()) arguments += ", ";
    arguments += fmt::format("{}: {}", argument.name, catalog.spelling(argument.type));
  }
  return printable(fmt::format("{}({})", site.name, arguments));
}

std::string mark_text(const types::Catalog& catalog, const types::Mark& mark, bool per_cpu) {
  return printable(catalog.spelling(mark.type, mark.name + (per_cpu ? "[cpuN]" : "")));
}

ordered_json trigger_json(const types::Catalog& catalog, const types::TriggerSite& site) {
  ordered_json arguments = ordered_json::array();
  for (const types::Argument& argument : site.arguments) {
    arguments.push_back({{"name", printable(argument.name)},
                         {"type", printable(catalog.spelling(argument.type))},
                         {"offset", argument.offset},
                         {"size", catalog[argument.type].size}});
  }
  return {{"name", printable(site.name)},
          {"arguments", std::move(arguments)},
          {"file", printable(site.file)},
          {"line", site.line}};
}

ordered_json mark_json(const types::Catalog& catalog, const types::Mark& mark) {
  return {{"name", printable(mark.name)},
          {"type", printable(catalog.spelling(mark.type))},
          {"size", catalog[mark.type].size},
          {"file", printable(mark.file)},
          {"line", mark.line}};
}

}  // namespace vmitap::cli
