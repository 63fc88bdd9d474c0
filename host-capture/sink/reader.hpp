// SPDX-License-Identifier: MIT
// Reads captures back, whichever format they were written in (mcap or pb; told by their first bytes).
// A capture that was cut off is read up to its last whole chunk. Every length and offset in the file
// is checked: a file is not to be trusted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::sink {

struct ReadRecord {
  std::uint32_t channel = 0;
  std::uint64_t time_ns = 0;
  std::span<const std::byte> message;  // valid during the callback
};

// Any may be empty. Returning false ends the reading early.
struct ReadHandlers {
  std::function<bool(const Session&)> session;
  std::function<bool(const Catalog&)> catalog;
  std::function<bool(const Channel&)> channel;
  std::function<bool(const ReadRecord&)> record;
  std::function<bool(const Loss&)> loss;
  std::function<bool(const Summary&)> summary;
};

struct ReadOutcome {
  bool complete = false;         // closed well: footer and summary stand
  std::uint64_t bytes_read = 0;  // up to the last whole chunk
  std::uint64_t bytes_left = 0;  // after it: lost to the cut
  std::string problem;           // why it is not complete, in words
};

// Errc::io, Errc::bad_file (not a capture at all).
Result<ReadOutcome> read_capture(const std::string& path, const ReadHandlers& handlers);

}  // namespace vmitap::sink
