// SPDX-License-Identifier: MIT
// Numbers of a capture over time: what is plotted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sink/reader.hpp"

namespace vmitap::sink {

struct Sample {
  std::uint64_t time_ns = 0;  // since 1970
  double value = 0;           // finite
};

// One field's, of one guest and one connection.
struct Series {
  std::string field;
  std::string guest;            // empty if the capture has but one
  std::string connection;       // connection.hpp; empty if records are of none
  std::vector<Sample> samples;  // at least one, ordered by time
};

struct SeriesOptions {
  // Only of these, if not empty. The guest by its name in the capture, its id or its program; the
  // connection's name contains it.
  std::string rule = {}, guest = {}, connection = {};
  std::vector<std::string> fields = {};  // empty: all that are numbers among the values
  // Of the time since the first sample; at its begin stands what held then. No span: to the end.
  std::uint64_t from_ns = 0, span_ns = 0;
  // That have series: strangers can make a connection of each packet, and memory is finite.
  std::size_t connections_max = 65536;
};

struct SeriesOutcome {
  ReadOutcome read;
  std::vector<Session> sessions;  // none or one
  // By connection in the order of their first samples, then by guest, then in the order of the fields.
  std::vector<Series> series;
  std::uint64_t records = 0, lost = 0;
  // Values that are in no series, as their record's time, which is the guest's word, is not within the
  // capture's.
  std::uint64_t outside = 0;
  // Values of connections that began when there were connections_max already: they are in no series.
  std::uint64_t of_others = 0;
};

// Errc::unknown_name of a rule, a guest, a field or a connection that there is not; Errc::io, Errc::bad_file.
// A field that is no number in any record, or in none of that time, has no series.
Result<SeriesOutcome> read_series(const std::string& path, const SeriesOptions& options);

// Leaves so many connections, those with the most samples, in their order; of equal ones the first. Returns
// how many there were.
std::size_t keep_busiest(std::vector<Series>& series, std::size_t connections);

}  // namespace vmitap::sink
