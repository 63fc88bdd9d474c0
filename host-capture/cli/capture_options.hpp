// SPDX-License-Identifier: MIT
// What was said on the command line of `vmitap capture`, and what it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "pipeline/capture.hpp"

namespace CLI {
class App;
}

namespace vmitap::cli {

// As written.
struct CaptureOptions {
  std::vector<std::string> guests;
  std::string rule_file;
  std::string on;
  std::vector<std::string> read;
  std::string every;
  std::string mode;
  std::uint32_t sample = 0;  // 0: not given
  std::string filter;
  std::uint32_t snap = 0;  // 0: not given
  std::string pause_budget;
  std::string sync_timeout;
  std::optional<std::uint64_t> count;
  std::string duration;
  std::string output;
  std::string format;
  std::vector<std::string> debug_dirs;
  bool no_sandbox = false;
};

void describe_options(CLI::App& command, CaptureOptions& options);

// Options::rules is empty if nothing says what to capture. Errc::bad_config, bad_expression, io.
Result<pipeline::Options> meaning_of(const CaptureOptions& given);

}  // namespace vmitap::cli
