// SPDX-License-Identifier: MIT
// What a capture holds, counted and measured over all its records.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sink/reader.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::cli {

// Of all values, exactly: nearest rank.
struct Spread {
  std::uint64_t count = 0;
  std::uint64_t min = 0, median = 0, p99 = 0, max = 0;
};
Spread spread_of(std::vector<std::uint64_t>& values);  // reorders them

struct FieldDigest {
  std::string part;        // "args" or "values"
  std::string expression;  // as the user or the trigger wrote it
  std::string c_type;
};

struct RuleDigest {
  std::string name;     // of the channel
  std::string message;  // full name of the records' type
  std::string guest;    // whose records they are, if the capture has several guests
  std::vector<FieldDigest> fields;
  std::uint64_t records = 0;
  std::map<std::string, std::uint64_t> triggers;  // what fired: the trigger's name, "every", "manual"
  std::map<Mode, std::uint64_t> modes;
  std::map<Facts::Fallback, std::uint64_t> fallbacks;
  std::string fallback_detail;                  // the last one's
  std::map<std::string, std::uint64_t> unread;  // by expression
  std::uint64_t first_ns = 0, last_ns = 0;      // since 1970
  Spread skid_ns, pause_ns;
};

struct LossDigest {
  std::string reason, guest, detail;  // detail: the last one's
  std::uint64_t count = 0;
};

struct Digest {
  std::optional<Session> session;
  std::vector<RuleDigest> rules;
  std::vector<LossDigest> losses;
  std::optional<Summary> summary;  // absent if the capture was cut off
  sink::ReadOutcome outcome;
  std::uint64_t records = 0;
  std::uint64_t malformed = 0;  // records whose facts cannot be read
};

// Errc::io, bad_file.
Result<Digest> digest(const std::string& path);

}  // namespace vmitap::cli
