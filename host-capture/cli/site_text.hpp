// SPDX-License-Identifier: MIT
// Triggers and marks, as lines for a person and as JSON. Names are made printable here.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "types/layout.hpp"

namespace vmitap::cli {

// "counter.c:36" without folders; empty if the file is not known.
std::string place_text(const std::string& file, std::uint32_t line);

// "tick(value: uint32_t, stats.mean: double)"
std::string trigger_text(const types::Catalog& catalog, const types::TriggerSite& site);
// "struct {...} stats", "uint32_t history[8]"
// A per-CPU one is read as NAME[cpu0].
std::string mark_text(const types::Catalog& catalog, const types::Mark& mark, bool per_cpu = false);

nlohmann::ordered_json trigger_json(const types::Catalog& catalog, const types::TriggerSite& site);
nlohmann::ordered_json mark_json(const types::Catalog& catalog, const types::Mark& mark);

}  // namespace vmitap::cli
