// SPDX-License-Identifier: MIT
// vmitap capture: guests, rules and an output, until it is enough.
#include "pipeline/capture.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "backend/guest.hpp"
#include "base/error_text.hpp"
#include "base/least_privilege.hpp"
#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "cli/capture_options.hpp"
#include "cli/command.hpp"
#include "cli/controls.hpp"
#include "cli/digest.hpp"
#include "cli/guest_types.hpp"
#include "cli/manual_socket.hpp"
#include "cli/output.hpp"
#include "cli/patience.hpp"
#include "cli/progress.hpp"
#include "cli/report.hpp"
#include "cli/say.hpp"
#include "cli/terminal.hpp"

namespace vmitap::cli {
namespace {

constexpr const char* kHelp = R"(
What starts a record: a trigger in the guest's code (--on), a timer (--every), or you: with --read alone,
and for every rule that needs no arguments, press the space bar here or run `vmitap trigger GUEST`. Keys:
space or Enter fires, q ends. Ctrl-C (SIGINT), SIGTERM and SIGHUP end the capture well: the file is closed,
the guest runs on. A second Ctrl-C ends at once; what was flushed, about each second, can still be read.

What to read (EXPR) is said as in C, from a mark or an argument of the trigger on:
  conn.cwnd   table[3].state   *head   pcb->snd_buf   buf[0:16]   (struct tcp_pcb *)p->next
or, of a Xen guest's kernel, from any symbol: kernel:jiffies:unsigned long   kernel:runqueues[cpu0].nr_running

How exact a value is (--mode) stands in each record:
  sync    the firing thread waits until the values are read: the state at the trigger
  paused  the guest is stopped while they are read: consistent; the record tells the skid since the trigger
  live    read while the guest runs: they may be torn
  inline  the guest copies them into the record itself

Without -o the file is NAME-DATE-TIME.mcap in the working directory. An existing FILE is replaced once the
capture runs; one that cannot start leaves it alone. Several rules: docs/rules.md tells of --rule files.

Examples:
  vmitap capture local:counter --on tick
  vmitap capture local:counter --on tick --read 'stats.mean,history[0:4]' --count 100 -o counter.mcap
  vmitap capture local:router --every 10ms --read link --mode paused --pause-budget 5% --for 10s
  vmitap capture local:router --rule rules.toml -o - | jq 'select(.values).values'
  vmitap capture local:router --on packet_in --read packet -o - --format pb | consumer
  vmitap capture xen:web --debug-dir modules/ --on station_step --read '*station'
  vmitap capture xen:web/vif0 --on packet.rx --filter 'tcp port 80' --snap 96
  vmitap capture xen:web --every 1s --read 'kernel:init_task:struct task_struct.comm' -o -

Of several guests one that cannot be captured, or has not what the rules ask for, is left out, which is told at
once and in the file; one that ends leaves the others to go on.

Exit codes: 0 ended as asked, by Ctrl-C, or as the guest ended; 1 it could not start; 2 bad usage, also a
bad rule file; 3 an error (a full disk) ended it early, or left a guest out: what was captured is kept.)";

using Guests = std::vector<std::unique_ptr<backend::Guest>>;

// What the user named. Of several guests those that cannot be had are missing, and why.
struct Named {
  Guests guests;
  std::map<std::string, Error> missing;
};

// By what the guest itself did, or became, be it that it ended: whatever else fails is the user's to correct.
bool is_guests_doing(Errc code) {
  switch (code) {
    case Errc::no_such_guest:
    case Errc::not_instrumented:
    case Errc::guest_gone:
    case Errc::abi_mismatch:
    case Errc::protocol:
    case Errc::timeout:
      return true;
    default:
      return false;
  }
}

Result<Named> open_guests(const std::vector<std::string>& names) {
  Named named;
  for (const std::string& name : names) {
    auto guest = backend::open_guest(name);
    if (!guest && is_guests_doing(guest.error().code)) {
      named.missing.emplace(name, std::move(guest.error()));
      continue;
    }
    if (!guest) return fail(std::move(guest.error()));
    const backend::GuestIdentity& identity = (*guest)->identity();
    const bool twice = std::ranges::any_of(
        named.guests, [&](const auto& other) { return other->identity().address == identity.address; });
    if (twice) {
      return fail({.code = Errc::bad_config, .subject = name, .hint = "this guest is named twice"});
    }
    named.guests.push_back(std::move(*guest));
  }
  if (named.guests.empty()) return fail(std::move(named.missing.at(names.front())));
  return named;
}

// What they go on making once they are attached; nothing if one of them needs more than ioctls.
std::optional<std::vector<unsigned long>> ioctls_of(const Guests& guests) {
  std::vector<unsigned long> all;
  for (const auto& guest : guests) {
    const auto some = guest->ioctls();
    if (!some) return std::nullopt;
    all.insert(all.end(), some->begin(), some->end());
  }
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::string known_triggers(const std::vector<std::string>& guests) {
  std::string text;
  for (const std::string& guest : guests) {
    const std::vector<std::string> names = trigger_names(guest);
    text += printable(fmt::format("{}{}: {}", text.empty() ? "" : "; ", guest,
                                  names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  }
  return text;
}

// Which rule of a file the error is of.
void tell_rule(const Error& error, const std::string& file) {
  if (file.empty() || error.rule.empty()) return;
  say("  in {}, rule {}: {}\n", printable(file), printable(error.rule), printable(error.expression));
}

// An unknown trigger is told together with those there are.
Exit report_start(const Error& error, const CaptureOptions& given, const pipeline::Options& options) {
  const auto named = [&](const pipeline::Rule& rule) { return rule.on == error.subject; };
  const Exit exit = report(error);
  if (error.code == Errc::unknown_name && std::ranges::any_of(options.rules, named)) {
    say("  triggers of {}\n", known_triggers(given.guests));
  }
  tell_rule(error, given.rule_file);
  return exit;
}

// They appear when the triggers are on: a script may wait for that.
std::vector<ManualSocket> manual_sockets(const std::vector<std::string>& guests) {
  std::vector<ManualSocket> sockets;
  for (const std::string& guest : guests) {
    auto socket = ManualSocket::listen(guest);
    if (socket) {
      sockets.push_back(std::move(*socket));
    } else {
      warn(fmt::format("`vmitap trigger` will not reach this capture: {}", describe(socket.error())), "");
    }
  }
  return sockets;
}

// Whoever reads the pipe had enough: nobody's error.
bool is_broken_pipe(const Error& error, const Output& output) {
  return output.path == "-" && error.code == Errc::io && error.sys == EPIPE;
}

// What a reader of the file will find. What was under way to it is not there.
std::string kept_text(std::uint64_t records, const Output& output) {
  const std::string name = output.path == "-" ? "standard output" : printable(output.path);
  std::error_code error;
  const bool is_file = output.path != "-" && std::filesystem::is_regular_file(output.path, error);
  if (is_file && output.format != sink::Format::jsonl) {
    if (const auto found = digest(output.path)) {
      const std::uint64_t kept = found->records;
      std::string text =
          fmt::format("{} {} kept in {}", plural(kept, "record"), kept == 1 ? "is" : "are", name);
      if (records > kept)
        text += fmt::format("; {} on the way there could not be written", count_text(records - kept));
      return text;
    }
  }
  return fmt::format("the records that were written to {} before are kept", name);
}

void tell_left_out(const std::map<std::string, Error>& left_out, std::size_t guests) {
  for (const auto& [guest, why] : left_out) {
    Error of_guest = why;
    of_guest.guest = guest;
    report(of_guest);
  }
  if (!left_out.empty())
    warn(fmt::format("the capture begins with {} of {}", guests - left_out.size(), plural(guests, "guest")),
         "");
}

// One of several: the capture goes on for the others. Of the last one's end the summary tells, and of who was
// left out its error did.
void tell_ends(const std::vector<GuestEnd>& ends, std::size_t guests, std::size_t& told) {
  for (; told < ends.size() && told + 1 < guests; ++told)
    if (!ends[told].left_out())
      warn(printable(fmt::format("guest {} {}", ends[told].guest(), ends[told].how())),
           fmt::format("the capture goes on with {}", plural(guests - told - 1, "guest")));
}

Exit finish(const Result<Summary>& summary, const pipeline::Statistics& last, const Output& output) {
  if (summary) {
    say("vmitap: {}\n", summary_text(*summary, output.path, last.bytes_written));
    return Exit::ok;
  }
  if (is_broken_pipe(summary.error(), output)) return Exit::ok;
  report(summary.error(), Exit::cut_short);
  say("  {}\n", kept_text(last.records, output));
  return Exit::cut_short;
}

Exit capture(const CaptureOptions& given) {
  auto options = meaning_of(given);
  if (!options) return report(options.error(), options.error().code == Errc::io ? Exit::failed : Exit::usage);
  auto named = open_guests(given.guests);
  if (!named)
    return report(named.error(), named.error().code == Errc::bad_config ? Exit::usage : Exit::failed);
  Guests& guests = named->guests;
  if (options->rules.empty()) {
    return report(
        "nothing says what to capture",
        fmt::format("add --on TRIGGER, --every TIME --read EXPR, --read EXPR, or --rule FILE; triggers of {}",
                    known_triggers(given.guests)),
        Exit::usage);
  }
  auto output = decide_output(given.output, given.format, guests.front()->identity().name);
  if (!output) return report(output.error(), Exit::usage);

  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is the sink's error to return
  std::unique_ptr<Progress> progress;
  const auto sandbox = given.no_sandbox ? std::nullopt : ioctls_of(guests);
  options->renounce = sandbox.has_value();
  std::size_t ends_told = 0;
  std::atomic<bool> is_begun = false;
  auto controls = Controls::watch(
      [&, count = given.guests.size()](const pipeline::Statistics& now) {
        if (!is_begun.load(std::memory_order_acquire)) return;  // pairs with the store below
        if (now.guests_ended.size() > ends_told) progress->clear();
        tell_ends(now.guests_ended, count, ends_told);
        progress->show(now);
      },
      sandbox.has_value());
  if (!controls) return report(controls.error());
  const bool by_hand = std::ranges::any_of(
      options->rules, [](const pipeline::Rule& rule) { return rule.on.empty() || rule.every.count() > 0; });
  progress = std::make_unique<Progress>(output->path == "-", !(*controls)->has_keys() ? ""
                                                             : by_hand ? "space: trigger, q: end"
                                                                       : "q: end");

  std::vector<std::string> addresses;
  for (const auto& guest : guests) addresses.push_back(guest->identity().address);
  // A line of ours would stand before the first record on the same terminal.
  const bool shares_terminal = output->path == "-" && is_terminal(STDOUT_FILENO);
  std::optional<Patience> patience;
  if (!shares_terminal) patience.emplace("reading the guest's debug information");
  auto prepared =
      pipeline::Capture::prepare(std::move(guests), *options, late_sink(*output), std::move(named->missing));
  patience.reset();
  if (!prepared) {
    controls->reset();
    return report_start(prepared.error(), given, *options);
  }
  pipeline::Capture& running = **prepared;
  // It may pause from now on: who wants it stopped is heard.
  (*controls)->attend(running, {});
  if (!shares_terminal) patience.emplace("switching triggers on");
  // It may be long until the first record, and a line after it might stand in its midst.
  if (shares_terminal)
    say("vmitap: capturing to this terminal; {}Ctrl-C ends\n", (*controls)->has_keys() ? "q or " : "");
  const auto begun = running.begin();
  patience.reset();
  if (!begun) {
    controls->reset();
    if (is_broken_pipe(begun.error(), *output)) return Exit::ok;
    return report_start(begun.error(), given, *options);
  }
  const std::map<std::string, Error>& left_out = running.left_out();
  tell_left_out(left_out, given.guests.size());
  is_begun.store(true, std::memory_order_release);
  std::erase_if(addresses, [&](const std::string& guest) { return left_out.contains(guest); });
  (*controls)->attend(running, manual_sockets(addresses));
  // All that it takes is open.
  if (sandbox) {
    if (const auto confined = confine_process(*sandbox); !confined) {
      controls->reset();
      return report(confined.error());
    }
  }
  const Result<Summary> summary = running.wait();
  controls->reset();
  progress->clear();
  tell_ends(running.statistics().guests_ended, given.guests.size(), ends_told);
  for (const auto& [guest, how] : running.broke_rules())
    warn(printable(fmt::format("{} broke the contract: {}", guest, how)),
         "what it sent is not to be trusted: restart it; vmitap info tells what was lost of whom");
  for (const auto& [guest, why] : running.not_watched())
    warn(printable(fmt::format("{}: {}", guest, why)), "vmitap info tells how often");
  const Exit exit = finish(summary, running.statistics(), *output);
  return exit == Exit::ok && !left_out.empty() ? Exit::cut_short : exit;
}

}  // namespace

void add_capture(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<CaptureOptions>();
  CLI::App* command =
      app.add_subcommand("capture", "Capture typed values from guests, at triggers, by a timer, or by hand");
  describe_options(*command, *options);
  command->footer(kHelp);
  command->callback([options, &exit] { exit = capture(*options); });
}

}  // namespace vmitap::cli
