// SPDX-License-Identifier: MIT
// vmitap plot: numeric fields of a capture over time, in the terminal.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "cli/command.hpp"
#include "cli/patience.hpp"
#include "cli/plot_text.hpp"
#include "cli/report.hpp"
#include "cli/rule_file.hpp"
#include "cli/shown_series.hpp"
#include "cli/terminal.hpp"
#include "sink/chart.hpp"
#include "sink/series.hpp"

namespace vmitap::cli {
namespace {

constexpr std::size_t kRows = 18;
constexpr unsigned kColumnsMax = 120;

constexpr const char* kHelp = R"(
Examples:
  vmitap plot demo.mcap --fields 'pcb->cwnd'
  vmitap plot demo.mcap --rule segments --fields 'pcb->cwnd,pcb->ssthresh'
  vmitap plot web.mcap --fields 'sk->snd_cwnd' --connection :443

Exit codes: 0 ok; 1 no such field, not a number, or an error; 2 bad usage.)";

struct PlotOptions {
  std::string file;
  std::string rule;
  std::string guest;
  std::string connection;
  std::string fields;
};

void print(const sink::Series& series, const Style& style) {
  std::vector<Point> points;
  points.reserve(series.samples.size());
  const std::uint64_t start = series.samples.front().time_ns;
  for (const auto& [time, value] : series.samples)
    points.push_back({.seconds = static_cast<double>(time - start) / 1e9, .value = value});
  const std::string heading = sink::heading_of(series);
  fmt::print(
      "{}  {}\n{}",
      style.bold(printable(heading.empty() ? series.field : fmt::format("{} of {}", series.field, heading))),
      style.dim(fmt::format("{} from {}", plural(points.size(), "value"), time_text(start))),
      plot_text(points, std::min(width(STDOUT_FILENO), kColumnsMax), kRows));
}

Exit plot(const PlotOptions& options) {
  auto fields = split_expressions(options.fields);
  if (!fields) return report(fields.error(), Exit::usage);
  Result<sink::SeriesOutcome> read;
  {
    const Patience patience("reading the capture");
    read = sink::read_series(
        options.file,
        {.rule = options.rule, .guest = options.guest, .connection = options.connection, .fields = *fields});
  }
  if (!read) return report_of_file(read.error());
  warn_of_outside(read->outside);
  warn_of_others(read->of_others);
  for (const std::string& field : *fields) {
    if (std::ranges::find(read->series, field, &sink::Series::field) == read->series.end()) {
      return report(
          fmt::format("\"{}\" is not a number in any record", printable(field)),
          "plot a number; vmitap info FILE lists the values, vmitap types FILE the members of structs");
    }
  }
  show_busiest(read->series);
  const Style style(STDOUT_FILENO);
  bool is_first = true;
  for (const sink::Series& series : read->series) {
    if (!std::exchange(is_first, false)) fmt::print("\n");
    print(series, style);
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
  command->add_option("--connection", options->connection, "Only connections in whose name this is, as :5001")
      ->type_name("TEXT");
  command->footer(kHelp);
  command->callback([options, &exit] { exit = plot(*options); });
}

}  // namespace vmitap::cli
