// SPDX-License-Identifier: MIT
#include "sink/csv.hpp"

#include "sink/csv_table.hpp"
#include "sink/rereadable.hpp"

namespace vmitap::sink {

Result<CsvOutcome> write_csv(const std::string& path, const CsvOptions& options, const LineHandler& line) {
  const auto file = Rereadable::open(path);
  if (!file) return tl::unexpected(file.error());
  CsvTable table(options);
  CsvOutcome outcome;

  ReadHandlers survey;
  survey.channel = [&](const Channel& channel) { return table.channel(channel), true; };
  survey.record = [&](const ReadRecord& record) {
    ++outcome.records;
    if (!table.survey(record)) ++outcome.undecoded;
    return true;
  };
  survey.loss = [&](const Loss& loss) { return outcome.lost += loss.count(), true; };
  auto read = read_capture(file->path(), survey);
  if (!read) {
    read.error().subject = path == "-" ? "standard input" : path;
    return tl::unexpected(read.error());
  }
  outcome.read = *read;
  if (auto good = table.check(); !good) return tl::unexpected(good.error());

  // A capture that is still being written may have grown since: its columns are those of what was surveyed.
  std::uint64_t left = outcome.records;
  ReadHandlers print;
  print.record = [&](const ReadRecord& record) {
    if (left == 0) return false;
    --left;
    const std::string text = table.line(record);
    return text.empty() || line(text);
  };
  if (!line(table.header())) return outcome;
  if (auto again = read_capture(file->path(), print); !again) return tl::unexpected(again.error());
  return outcome;
}

}  // namespace vmitap::sink
