// SPDX-License-Identifier: MIT
// A capture as one table (RFC 4180): a header, then a line a record, in the file's order.
//
//   columns     the facts, then what the rules read, flattened: pcb->cwnd  conn.state  table[3]  m[0][1]
//               Rules share the columns that they name alike; a name that is also a fact's, or both an
//               argument's and a value's, has "args." or "values." in front.
//   --fields    these and no others, in this order; records of rules that have none of them are left out
//   cells       as render.hpp has it; empty for what a record does not have
//   text        what is no printable UTF-8 is escaped (base/printable.hpp), so that a record is one line,
//               which ends in LF alone, as the tools of this system expect
//   = + - @     text that starts with one of these and is no number has an apostrophe in front of it: a
//               spreadsheet would run it as a formula, and guests choose texts. JSON lines are exact.
//
// A table needs its columns before its first line, so that a capture is read twice; one that comes through
// a pipe is kept in a temporary file meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sink/reader.hpp"

namespace vmitap::sink {

struct CsvOptions {
  std::vector<std::string> fields;  // fields.hpp; empty: all
  std::string rule;                 // of this rule only; empty: of all
};

struct CsvOutcome {
  ReadOutcome read;
  std::uint64_t records = 0;
  std::uint64_t undecoded = 0;  // records that did not fit their descriptors: no lines
  std::uint64_t lost = 0;       // by the capture, as its losses say
};

// Returning false ends the writing early.
using LineHandler = std::function<bool(std::string_view)>;

// Hands each line, with its end, to `line`. The file: as read_capture() has it. Errc::unknown_name with the
// nearest for a field or rule that the capture has not, Errc::bad_config for an index behind an array's end.
Result<CsvOutcome> write_csv(const std::string& path, const CsvOptions& options, const LineHandler& line);

}  // namespace vmitap::sink
