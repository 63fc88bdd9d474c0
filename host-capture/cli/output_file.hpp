// SPDX-License-Identifier: MIT
// Where a capture goes. A capture that cannot start leaves a file of that name as it was.
#pragma once

#include <atomic>
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

class OutputFile {
 public:
  // An existing file stays under its name until keep(); what is written meanwhile stands beside it.
  explicit OutputFile(const Output& output);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() { discard(); }

  Result<std::unique_ptr<pipeline::Sink>> open();
  Result<void> keep();      // the capture runs: the file takes its name
  void discard() noexcept;  // unless it was kept: nothing is left behind; from any thread

 private:
  std::string path_;     // as it ends up, links followed
  std::string written_;  // as it is called until keep()
  sink::Format format_;
  std::atomic<bool> ours_ = false;  // to remove
};

}  // namespace vmitap::cli
