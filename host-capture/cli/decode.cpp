// SPDX-License-Identifier: MIT
// vmitap decode: the records of a capture as JSON lines or CSV.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"
#include "cli/rule_file.hpp"
#include "sink/csv.hpp"
#include "sink/fields.hpp"
#include "sink/json_lines.hpp"
#include "sink/render.hpp"

namespace vmitap::cli {
namespace {

using sink::Json;

constexpr const char* kHelp = R"(
Fields are named as they were captured: pcb->cwnd, stats.mean, table[3].state; the facts of a record are
rule, trigger, sequence, time, time_ns, monotonic_ns, thread, mode, skid_ns, pause_ns, lost_before, guest,
connection.
"args." or "values." in front says which of two of one name. Records of rules that have none of the
fields are left out. What could not be read is empty (CSV) or null.

Examples:
  vmitap decode demo.mcap | head -n 3
  vmitap decode demo.mcap --rule segments --format csv --fields 'time_ns,pcb->state,pcb->cwnd' > cwnd.csv
  vmitap capture local:counter --on tick -o - --format pb | vmitap decode -

Exit codes: 0 ok, also if the capture was cut off; 1 not a capture, no such field, or an error; 2 bad usage.)";

struct DecodeOptions {
  std::string file;
  std::string format = "jsonl";
  std::string rule;
  std::string fields;
};

bool put(std::string_view line) { return std::fwrite(line.data(), 1, line.size(), stdout) == line.size(); }

// Writes each record in one line.
class LinePrinter {
 public:
  LinePrinter(const DecodeOptions& options, std::vector<std::string> fields)
      : options_(options), names_(std::move(fields)) {}

  void channel(const Channel& channel) {
    rules_.push_back(channel.rule());
    if (!options_.rule.empty() && channel.rule() != options_.rule) return;
    if (!decoder_.add(channel)) return;  // its records say so
    if (!names_.names().empty()) paths_[channel.id()] = names_.find(*decoder_.descriptor(channel.id()));
  }

  // False if the output takes no more.
  bool record(const sink::ReadRecord& record) {
    const std::string rule = decoder_.rule(record.channel);
    if (rule.empty() && !options_.rule.empty()) return true;
    const auto message = decoder_.decode(record);
    if (!message) ++undecoded_;
    if (names_.names().empty()) {
      const Json json =
          message ? sink::record_json(rule, record, **message) : sink::undecoded_json(rule, record);
      return put(sink::one_line(json) + "\n");
    }
    const std::vector<sink::FieldPath>& paths = paths_[record.channel];
    if (!message || paths.empty()) return true;
    const Json whole = sink::record_json(rule, record, **message);
    Json line = Json::object();
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const Json* value = paths[i].empty() ? nullptr : sink::value_at(whole, paths[i]);
      line[names_.names()[i]] = value != nullptr ? *value : Json();
    }
    return put(sink::one_line(line) + "\n");
  }

  [[nodiscard]] Result<void> check() const {
    if (!options_.rule.empty() && std::ranges::find(rules_, options_.rule) == rules_.end()) {
      const std::vector<std::string_view> known(rules_.begin(), rules_.end());
      return fail({.code = Errc::unknown_name,
                   .operation = "among the rules",
                   .subject = options_.rule,
                   .hint = nearest(options_.rule, known)});
    }
    return names_.all_known();
  }
  [[nodiscard]] std::uint64_t undecoded() const { return undecoded_; }

 private:
  const DecodeOptions& options_;
  sink::FieldNames names_;
  sink::RecordDecoder decoder_;
  std::vector<std::string> rules_;
  std::map<std::uint32_t, std::vector<sink::FieldPath>> paths_;  // by channel
  std::uint64_t undecoded_ = 0;
};

Result<sink::CsvOutcome> write_jsonl(const DecodeOptions& options, std::vector<std::string> fields) {
  LinePrinter printer(options, std::move(fields));
  sink::CsvOutcome outcome;
  sink::ReadHandlers handlers;
  handlers.channel = [&](const Channel& channel) {
    printer.channel(channel);
    return true;
  };
  handlers.record = [&](const sink::ReadRecord& record) {
    ++outcome.records;
    return printer.record(record);
  };
  handlers.loss = [&](const Loss& loss) {
    outcome.lost += loss.count();
    return true;
  };
  auto read = sink::read_capture(options.file, handlers);
  if (!read) return fail(std::move(read.error()));
  if (auto known = printer.check(); !known) return fail(std::move(known.error()));
  outcome.read = std::move(*read);
  outcome.undecoded = printer.undecoded();
  return outcome;
}

Exit decode(const DecodeOptions& options) {
  std::vector<std::string> fields;
  if (!options.fields.empty()) {
    auto split = split_expressions(options.fields);
    if (!split) return report(split.error(), Exit::usage);
    fields = std::move(*split);
  }
  auto outcome = options.format == "csv"
                     ? sink::write_csv(options.file, {.fields = std::move(fields), .rule = options.rule}, put)
                     : write_jsonl(options, std::move(fields));
  const bool put_all = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (!put_all) {
    return report({.code = Errc::io, .operation = "write", .subject = "standard output", .sys = errno});
  }
  if (!outcome) return report_of_file(outcome.error());
  if (!outcome->read.complete) {
    warn(fmt::format("the capture is cut off: {}", printable(outcome->read.problem)),
         "what stands before the cut is here");
  }
  if (outcome->undecoded != 0) {
    warn(fmt::format("{} did not fit their descriptors", plural(outcome->undecoded, "record")), "");
  }
  if (outcome->lost != 0) {
    warn(fmt::format("{} lost while capturing", plural(outcome->lost, "record")),
         fmt::format("vmitap info {} tells why", printable(options.file)));
  }
  return Exit::ok;
}

}  // namespace

void add_decode(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<DecodeOptions>();
  CLI::App* command = app.add_subcommand("decode", "Print the records of a capture as JSON lines or CSV");
  command->add_option("FILE", options->file, "A capture, .mcap or .pb; - is standard input")->required();
  command->add_option("--format", options->format, "jsonl (default) or csv")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"jsonl", "csv"}));
  command->add_option("--fields", options->fields, "Only these fields, in this order")
      ->type_name("FIELD[,FIELD...]");
  command->add_option("--rule", options->rule, "Only records of this rule")->type_name("NAME");
  command->footer(kHelp);
  command->callback([options, &exit] { exit = decode(*options); });
}

}  // namespace vmitap::cli
