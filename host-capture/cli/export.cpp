// SPDX-License-Identifier: MIT
// vmitap export: a capture in a form that another tool opens.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/printable.hpp"
#include "cli/command.hpp"
#include "cli/patience.hpp"
#include "cli/quantity_text.hpp"
#include "cli/report.hpp"
#include "sink/pcapng_export.hpp"

namespace vmitap::cli {
namespace {

constexpr const char* kHelp = R"(
pcapng  packets for Wireshark and tshark, each with what was read at it as its comment. The capture has to be
        one of packet.rx, packet.tx or tcp.segment with --snap N, which takes the packet's first bytes.

Examples:
  vmitap capture xen:web --on tcp.segment --read 'sk->snd_cwnd' --snap 96 -o web.mcap
  vmitap export web.mcap --to pcapng -o web.pcapng
  tshark -r web.pcapng -T fields -e frame.time_epoch -e tcp.seq -e frame.comment

Exit codes: 0 ok; 1 no capture, no packets in it, or an error; 2 bad usage.)";

struct ExportOptions {
  std::string file;
  std::string to;
  std::string rule;
  std::string output;
};

std::string default_output(const std::string& file) {
  const std::size_t dot = file.rfind('.');
  const std::size_t slash = file.rfind('/');
  const bool has_extension = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  return (has_extension ? file.substr(0, dot) : file) + ".pcapng";
}

Exit export_capture(const ExportOptions& options) {
  const std::string output = !options.output.empty() ? options.output
                             : options.file == "-"   ? std::string("-")
                                                     : default_output(options.file);
  Result<sink::PcapngOutcome> outcome;
  {
    const Patience patience("reading the capture");
    outcome = sink::write_pcapng(options.file, options.rule, output);
  }
  if (!outcome) return report(outcome.error());
  if (!outcome->read.complete) {
    warn(fmt::format("the capture is cut off: {}", printable(outcome->read.problem)),
         "what stands before the cut is here");
  }
  if (outcome->lost != 0) {
    warn(fmt::format("{} lost while capturing", plural(outcome->lost, "record")),
         fmt::format("vmitap info {} tells why", printable(options.file)));
  }
  if (outcome->packets == 0) {
    return report("no record has a packet's bytes",
                  "capture packets with --snap: vmitap capture GUEST --on packet.rx --snap 96");
  }
  fmt::print(stderr, "vmitap: {} to {}{}\n", plural(outcome->packets, "packet"), printable(output),
             outcome->others == 0
                 ? std::string()
                 : fmt::format("; {} without a packet's bytes left out", plural(outcome->others, "record")));
  return Exit::ok;
}

}  // namespace

void add_export(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "Turn a capture into what another tool opens: pcapng");
  command->add_option("FILE", options->file, "A capture, .mcap or .pb; - is standard input")->required();
  command->add_option("--to", options->to, "pcapng")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"pcapng"}))
      ->required();
  command->add_option("--rule", options->rule, "Only records of this rule")->type_name("NAME");
  command->add_option("-o,--output", options->output, "File, or - for standard output (FILE's name, .pcapng)")
      ->type_name("FILE");
  command->footer(kHelp);
  command->callback([options, &exit] { exit = export_capture(*options); });
}

}  // namespace vmitap::cli
