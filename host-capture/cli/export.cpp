// SPDX-License-Identifier: MIT
// vmitap export: a capture in a form that another tool opens.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "base/parse.hpp"
#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "cli/command.hpp"
#include "cli/patience.hpp"
#include "cli/report.hpp"
#include "cli/rule_file.hpp"
#include "cli/say.hpp"
#include "cli/shown_series.hpp"
#include "sink/chart.hpp"
#include "sink/html_report.hpp"
#include "sink/output_stream.hpp"
#include "sink/pcapng_export.hpp"
#include "sink/series.hpp"

namespace vmitap::cli {
namespace {

constexpr const char* kHelp = R"(
pcapng  packets for Wireshark and tshark, each with what was read at it as its comment. The capture has to be
        one of packet.rx, packet.tx or tcp.segment with --snap N, which takes the packet's first bytes.
svg     numbers over time, a chart for each field, guest and connection
html    the same as a page that tells the value under the pointer

Examples:
  vmitap export web.mcap --to html --fields 'sk->snd_cwnd,sk->srtt_us' --connection :443
  vmitap capture xen:web --on tcp.segment --read 'sk->snd_cwnd' --snap 96 -o web.mcap
  vmitap export web.mcap --to pcapng -o web.pcapng
  tshark -r web.pcapng -T fields -e frame.time_epoch -e tcp.seq -e frame.comment

Exit codes: 0 ok; 1 no capture, no packets or no numbers in it, or an error; 2 bad usage.)";

struct ExportOptions {
  std::string file;
  std::string to;
  std::string rule;
  std::string guest;
  std::string connection;
  std::string fields;
  std::string from;
  std::string span;
  std::string title;
  bool together = false;
  std::string output;
};

std::string default_output(const std::string& file, const std::string& format) {
  if (file == "-") return file;
  const std::size_t dot = file.rfind('.');
  const std::size_t slash = file.rfind('/');
  const bool has_extension = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  return (has_extension ? file.substr(0, dot) : file) + "." + format;
}

void warn_of(const sink::ReadOutcome& read, std::uint64_t lost, const std::string& file) {
  if (!read.complete) {
    warn(fmt::format("the capture is cut off: {}", printable(read.problem)),
         "what stands before the cut is here");
  }
  if (lost != 0) {
    warn(fmt::format("{} lost while capturing", plural(lost, "record")),
         fmt::format("vmitap info {} tells why", printable(file)));
  }
}

// The output is emptied while the capture is still read.
Result<void> check_is_another(const std::string& file, const std::string& output) {
  const auto status_of = [](const std::string& path, int standard, struct stat& status) {
    const int failed = path == "-" ? ::fstat(standard, &status) : ::stat(path.c_str(), &status);
    return failed == 0 && S_ISREG(status.st_mode);
  };
  struct stat from {};
  struct stat to {};
  const bool is_same = status_of(file, STDIN_FILENO, from) && status_of(output, STDOUT_FILENO, to) &&
                       from.st_dev == to.st_dev && from.st_ino == to.st_ino;
  if (!is_same) return {};
  return fail({.code = Errc::bad_config,
               .subject = "-o " + output,
               .hint = "it is the capture itself, which would be lost; give the output a name of its own"});
}

Exit export_packets(const ExportOptions& options, const std::string& output) {
  Result<sink::PcapngOutcome> outcome;
  {
    const Patience patience("reading the capture");
    outcome = sink::write_pcapng(options.file, options.rule, output);
  }
  if (!outcome) return report_of_file(outcome.error());
  warn_of(outcome->read, outcome->lost, options.file);
  if (outcome->packets == 0) {
    return report("no record has a packet's bytes",
                  "capture packets with --snap: vmitap capture GUEST --on packet.rx --snap 96");
  }
  if (!outcome->overlapping.empty()) {
    warn(fmt::format("a packet stands in the file once for each of the rules that took it: {}",
                     printable(fmt::format("{}", fmt::join(outcome->overlapping, ", ")))),
         "--rule NAME picks one; each has an interface of its own");
  }
  if (outcome->of_others != 0) {
    warn(fmt::format("{} stand at interfaces \"others\": the first {} have their own",
                     plural(outcome->of_others, "packet"), sink::kInterfacesMax),
         "a guest that tells so many devices lies; --rule NAME picks one rule's packets");
  }
  say("vmitap: {} to {}{}\n", plural(outcome->packets, "packet"), printable(output),
      outcome->others == 0
          ? std::string()
          : fmt::format("; {} without a packet's bytes left out", plural(outcome->others, "record")));
  return Exit::ok;
}

Exit export_charts(const ExportOptions& options, const std::string& output) {
  std::vector<std::string> fields;
  if (!options.fields.empty()) {
    auto split = split_expressions(options.fields);
    if (!split) return report(split.error(), Exit::usage);
    fields = *std::move(split);
  }
  std::chrono::nanoseconds from{};
  std::chrono::nanoseconds span{};
  for (const auto& [option, text, time] :
       {std::tuple("--from", &options.from, &from), std::tuple("--span", &options.span, &span)}) {
    if (text->empty()) continue;
    auto parsed = parse_duration(*text);
    if (!parsed) {
      parsed.error().subject = fmt::format("{} {}", option, *text);
      return report(parsed.error(), Exit::usage);
    }
    *time = *parsed;
  }
  Result<sink::SeriesOutcome> read;
  {
    const Patience patience("reading the capture");
    read = sink::read_series(options.file, {.rule = options.rule,
                                            .guest = options.guest,
                                            .connection = options.connection,
                                            .fields = std::move(fields),
                                            .from_ns = static_cast<std::uint64_t>(from.count()),
                                            .span_ns = static_cast<std::uint64_t>(span.count())});
  }
  if (!read) return report_of_file(read.error());
  warn_of(read->read, read->lost, options.file);
  warn_of_outside(read->outside);
  warn_of_others(read->of_others);
  if (read->series.empty() && from.count() != 0)
    return report(fmt::format("there is no value later than {} after the first", options.from),
                  "leave --from away, or give less");
  if (read->series.empty()) {
    return report("there are no numbers to show",
                  "name numbers, members of structs among them: --fields FIELD[,FIELD...]; vmitap info FILE "
                  "lists the values, vmitap types FILE their members");
  }
  show_busiest(read->series);
  const std::string title = !options.title.empty() ? options.title
                            : options.file == "-"  ? "vmitap"
                                                   : options.file.substr(options.file.rfind('/') + 1);
  auto stream = sink::OutputStream::open(output);
  if (!stream) return report(stream.error());
  auto written = stream->write(options.to == "svg" ? sink::chart_svg(read->series, title, options.together)
                                                   : sink::html_report(*read, title, options.together));
  if (written) written = stream->close();
  if (!written) return report(written.error());
  say("vmitap: {} to {}\n", plural(sink::charts_of(read->series, options.together).size(), "chart"),
      printable(output));
  return Exit::ok;
}

Exit export_capture(const ExportOptions& options) {
  const std::string output =
      options.output.empty() ? default_output(options.file, options.to) : options.output;
  const bool has_selection = !options.fields.empty() || !options.connection.empty() ||
                             !options.guest.empty() || !options.from.empty() || !options.span.empty() ||
                             !options.title.empty() || options.together;
  const bool is_chart = options.to != "pcapng";
  if (!is_chart && has_selection)
    return report("--fields, --connection, --guest, --from, --span, --title and --together are for charts",
                  "pcapng takes all packets, or --rule's", Exit::usage);
  if (const auto another = check_is_another(options.file, output); !another)
    return report(another.error(), Exit::usage);
  return is_chart ? export_charts(options, output) : export_packets(options, output);
}

}  // namespace

void add_export(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command =
      app.add_subcommand("export", "Turn a capture into what another tool opens: pcapng, svg, html");
  command->add_option("FILE", options->file, "A capture, .mcap or .pb; - is standard input")->required();
  command->add_option("--to", options->to, "pcapng, svg or html")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"pcapng", "svg", "html"}))
      ->required();
  command
      ->add_option("--fields", options->fields,
                   "Charts: what to show, as named in the capture (all numbers; of structs name members)")
      ->type_name("FIELD[,FIELD...]");
  command->add_option("--rule", options->rule, "Only records of this rule")->type_name("NAME");
  command
      ->add_option("--guest", options->guest, "Charts: only records of this guest, where there are several")
      ->type_name("GUEST");
  command
      ->add_option("--connection", options->connection,
                   "Charts: only connections in whose name this is, as :5001")
      ->type_name("TEXT");
  command
      ->add_option("--from", options->from,
                   "Charts: only what is later than this after the first value, as 1.5s")
      ->type_name("TIME");
  command->add_option("--span", options->span, "Charts: only so long from there on")->type_name("TIME");
  command->add_option("--title", options->title, "Charts: what stands above them (FILE's name)")
      ->type_name("TEXT");
  command->add_flag("--together", options->together,
                    "Charts: all fields of a connection in one, on one axis");
  command->add_option("-o,--output", options->output, "File, or - for standard output (FILE's name, .FORMAT)")
      ->type_name("FILE");
  command->footer(kHelp);
  command->callback([options, &exit] { exit = export_capture(*options); });
}

}  // namespace vmitap::cli
