// SPDX-License-Identifier: MIT
// Rules as a user writes them: on the command line, or in a TOML file (docs/rules.md).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pipeline/capture.hpp"

namespace vmitap::cli {

// Bytes of a packet: what fits a record beside its arguments.
inline constexpr std::uint32_t kSnapMax = 14'000;

struct RuleFile {
  std::vector<pipeline::Rule> rules;
  std::optional<double> pause_budget;
  std::optional<std::chrono::microseconds> sync_timeout;
  std::vector<std::string> debug_dirs;
};

// Errors: Errc::io; Errc::bad_config with the subject "FILE:LINE:COLUMN" and what is wrong there.
Result<RuleFile> read_rule_file(const std::string& path);
// As read_rule_file(), of a text; `path` is for errors.
Result<RuleFile> parse_rules(std::string_view text, const std::string& path);

// "sync", "paused", "live", "inline". Errc::bad_config with the nearest.
Result<Mode> mode_named(std::string_view name);

// Splits at the commas that stand outside of brackets: "a,b[0:4],(struct p *)q" is three. Spaces around
// are dropped. Errc::bad_expression if one is empty.
Result<std::vector<std::string>> split_expressions(std::string_view text);

}  // namespace vmitap::cli
