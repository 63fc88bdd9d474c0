// SPDX-License-Identifier: MIT
// How a capture is going, on stderr: one line that is drawn anew while it runs at a terminal, and one
// when it ended.
#pragma once

#include <chrono>
#include <string>

#include "pipeline/capture.hpp"

namespace vmitap::cli {

// One thread at a time.
class Progress {
 public:
  // Shows nothing where it would stand between records on the same terminal. `keys`: what the line says of
  // the keys there are; empty if there are none.
  Progress(bool records_on_stdout, std::string keys);
  // At most some times a second; nothing if stderr is no terminal.
  void show(const pipeline::Statistics& now);
  void clear();

 private:
  bool on_;
  std::string keys_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
  pipeline::Statistics before_;
  double rate_ = 0;
};

// "12,345 records in 10.0 s to counter.mcap (1.20 MB): interrupted; nothing lost; paused 0.31 %"
std::string summary_text(const Summary& summary, const std::string& file, std::uint64_t bytes);

}  // namespace vmitap::cli
