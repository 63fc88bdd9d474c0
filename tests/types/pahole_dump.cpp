// SPDX-License-Identifier: MIT
// Prints every named record of an ELF file as vmitap reads it, for pahole_test.py: one JSON document.
#include <fmt/core.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "types/object.hpp"

namespace {

using vmitap::types::Catalog;
using vmitap::types::Kind;

nlohmann::json describe(const Catalog& catalog, const vmitap::types::Type& record) {
  nlohmann::json members = nlohmann::json::array();
  for (const auto& member : record.members) {
    nlohmann::json entry{{"name", member.name},
                         {"offset", member.offset},
                         {"size", catalog[member.type].size},
                         {"type", catalog.spelling(member.type)}};
    if (member.bit_size != 0)
      entry.update({{"bit_offset", member.bit_offset}, {"bit_size", member.bit_size}});
    if (member.is_base) entry["base"] = member.is_virtual_base ? "virtual" : "plain";
    auto held = catalog.strip(member.type);
    while (catalog[held].kind == Kind::array) held = catalog.strip(catalog[held].target);
    const auto& type = catalog[held];
    if (type.kind == Kind::record && type.members.empty() && type.size == 1) entry["empty"] = true;
    if (type.kind == Kind::opaque && type.name == "pointer to member") entry["to_member"] = true;
    if (type.kind == Kind::record && type.name.empty()) entry["members"] = describe(catalog, type)["members"];
    members.push_back(std::move(entry));
  }
  return {{"name", record.name}, {"size", record.size}, {"members", std::move(members)}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto loaded =
      vmitap::types::load_object(argv[1], {.debug_dirs = {}, .build_id = {}, .all_types = true});
  if (!loaded) {
    fmt::print(stderr, "{}: {} {}\n", loaded.error().operation, loaded.error().subject, loaded.error().hint);
    return 1;
  }
  nlohmann::json records = nlohmann::json::array();
  for (const auto& type : (*loaded)->types) {
    if (type.kind == Kind::record && !type.name.empty() && !type.is_declaration) {
      records.push_back(describe(**loaded, type));
    }
  }
  fmt::print("{}\n", records.dump());
}
