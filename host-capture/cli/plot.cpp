// SPDX-License-Identifier: MIT
// vmitap plot: numeric fields of a capture over time, in the terminal.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "cli/command.hpp"
#include "cli/patience.hpp"
#include "cli/plot_text.hpp"
#include "cli/quantity_text.hpp"
#include "cli/report.hpp"
#include "cli/rule_file.hpp"
#include "cli/terminal.hpp"
#include "sink/fields.hpp"
#include "sink/reader.hpp"
#include "sink/record_decoder.hpp"
#include "sink/render.hpp"

namespace vmitap::cli {
namespace {

using sink::Json;

constexpr std::size_t kRows = 18;
constexpr unsigned kColumnsMax = 120;

constexpr const char* kHelp = R"(
Examples:
  vmitap plot demo.mcap --fields 'pcb->cwnd'
  vmitap plot demo.mcap --rule segments --fields 'pcb->cwnd,pcb->ssthresh'

Exit codes: 0 ok; 1 no such field, not a number, or an error; 2 bad usage.)";

struct PlotOptions {
  std::string file;
  std::string rule;
  std::string guest;
  std::string fields;
};

using Series = std::vector<std::pair<std::uint64_t, double>>;  // ns since 1970, value

struct Plot {
  std::vector<std::string> fields;
  std::vector<std::map<std::string, Series>> series;  // of the fields, each by guest
};

void take(Series& series, const Json& value, std::uint64_t time_ns) {
  if (!value.is_number() && !value.is_boolean()) return;
  const double number = value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<double>();
  if (std::isfinite(number)) series.emplace_back(time_ns, number);
}

Result<Plot> read_plot(const PlotOptions& options, std::vector<std::string> fields) {
  Plot plot{.fields = fields, .series = std::vector<std::map<std::string, Series>>(fields.size())};
  sink::FieldNames names(std::move(fields));
  sink::RecordDecoder decoder;
  std::vector<std::string> rules;
  std::map<std::uint32_t, std::vector<sink::FieldPath>> paths;  // by channel
  sink::ReadHandlers handlers;
  handlers.channel = [&](const Channel& channel) {
    rules.push_back(channel.rule());
    if (!options.rule.empty() && channel.rule() != options.rule) return true;
    if (decoder.add(channel)) paths[channel.id()] = names.find(*decoder.descriptor(channel.id()));
    return true;
  };
  handlers.record = [&](const sink::ReadRecord& record) {
    const auto wanted = paths.find(record.channel);
    if (wanted == paths.end() || wanted->second.empty()) return true;
    const auto message = decoder.decode(record);
    if (!message) return true;  // vmitap decode tells how many
    const Json json = sink::record_json(decoder.rule(record.channel), record, **message);
    const auto facts = sink::facts_of(record.message);
    const std::string guest = facts ? facts->guest() : "";
    if (!options.guest.empty() && !guest.empty() && guest != options.guest) return true;
    for (std::size_t i = 0; i < wanted->second.size(); ++i) {
      const sink::FieldPath& path = wanted->second[i];
      const Json* value = path.empty() ? nullptr : sink::value_at(json, path);
      if (value != nullptr) take(plot.series[i][guest], *value, record.time_ns);
    }
    return true;
  };
  const auto outcome = sink::read_capture(options.file, handlers);
  if (!outcome) return fail(outcome.error());
  if (!options.rule.empty() && std::ranges::find(rules, options.rule) == rules.end()) {
    const std::vector<std::string_view> known(rules.begin(), rules.end());
    return fail({.code = Errc::unknown_name,
                 .operation = "among the rules",
                 .subject = options.rule,
                 .hint = nearest(options.rule, known)});
  }
  if (auto known = names.all_known(); !known) return fail(std::move(known.error()));
  return plot;
}

void print(const std::string& field, const std::string& guest, Series& series, const Style& style) {
  std::ranges::stable_sort(series, {}, &Series::value_type::first);
  std::vector<Point> points;
  points.reserve(series.size());
  const std::uint64_t start = series.front().first;
  for (const auto& [time, value] : series) {
    points.push_back({.seconds = static_cast<double>(time - start) / 1e9, .value = value});
  }
  fmt::print("{}  {}\n{}",
             style.bold(printable(guest.empty() ? field : fmt::format("{} of {}", field, guest))),
             style.dim(fmt::format("{} from {}", plural(points.size(), "value"), time_text(start))),
             plot_text(points, std::min(width(STDOUT_FILENO), kColumnsMax), kRows));
}

Exit plot(const PlotOptions& options) {
  auto fields = split_expressions(options.fields);
  if (!fields) return report(fields.error(), Exit::usage);
  Result<Plot> read;
  {
    const Patience patience("reading the capture");
    read = read_plot(options, std::move(*fields));
  }
  if (!read) return report(read.error());
  const Style style(STDOUT_FILENO);
  for (std::size_t i = 0; i < read->fields.size(); ++i) {
    std::erase_if(read->series[i], [](const auto& series) { return series.second.empty(); });
    if (read->series[i].empty()) {
      return report(fmt::format("\"{}\" is not a number in any record", printable(read->fields[i])),
                    "plot a numeric field; vmitap info lists the fields and their types");
    }
  }
  bool first = true;
  for (std::size_t i = 0; i < read->fields.size(); ++i) {
    for (auto& [guest, series] : read->series[i]) {
      if (!std::exchange(first, false)) fmt::print("\n");
      print(read->fields[i], guest, series, style);
    }
  }
  return Exit::ok;
}

}  // namespace

void add_plot(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<PlotOptions>();
  CLI::App* command =
      app.add_subcommand("plot", "Plot numeric fields of a capture over time, in the terminal");
  command->add_option("FILE", options->file, "A capture: .mcap or .pb")->required();
  command
      ->add_option("--fields", options->fields,
                   "What to plot, as named in the capture: pcb->cwnd  stats.mean  skid_ns")
      ->type_name("FIELD[,FIELD...]")
      ->required();
  command->add_option("--rule", options->rule, "Only records of this rule")->type_name("NAME");
  command->add_option("--guest", options->guest, "Only records of this guest, where there are several")
      ->type_name("GUEST");
  command->footer(kHelp);
  command->callback([options, &exit] { exit = plot(*options); });
}

}  // namespace vmitap::cli
