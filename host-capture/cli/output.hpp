// SPDX-License-Identifier: MIT
// Where a capture goes.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "pipeline/sink.hpp"
#include "sink/open_sink.hpp"

namespace vmitap::cli {

// What the user asked for, made definite.
struct Output {
  std::string path;  // "-": standard output
  sink::Format format;
};

// `path` and `format` as given, empty if not. Without a path: NAME-DATE-TIME.mcap of the guest's name in
// the working directory. Without a format: by the path's extension, else mcap; jsonl for "-".
// Errc::bad_config: an unknown format, or a binary one to a terminal.
Result<Output> decide_output(const std::string& path, const std::string& format, const std::string& guest);

// Opens the output when the session begins, which is after everything that may keep a capture from
// starting: one that cannot start neither makes a file nor empties one that is there.
std::unique_ptr<pipeline::Sink> late_sink(Output output);

}  // namespace vmitap::cli
