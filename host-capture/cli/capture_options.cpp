// SPDX-License-Identifier: MIT
#include "cli/capture_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "base/parse.hpp"
#include "cli/debug_dirs.hpp"
#include "cli/rule_file.hpp"

namespace vmitap::cli {
namespace {

// The value of an option that was given, by its parser; the error tells which option.
template <class T>
Result<void> take(const char* option, const std::string& text, Result<T> (*parse)(std::string_view),
                  auto&& into) {
  if (text.empty()) return {};
  auto parsed = parse(text);
  if (!parsed) {
    Error error = std::move(parsed.error());
    error.subject = std::string(option) + " " + error.subject;
    return fail(std::move(error));
  }
  into = *parsed;
  return {};
}

Result<pipeline::Rule> rule_of_options(const CaptureOptions& given) {
  pipeline::Rule rule;
  rule.on = given.on;
  if (given.sample != 0) rule.sample = given.sample;
  rule.snap = given.snap;
  if (!given.filter.empty()) {
    auto filter = pipeline::compile_filter(given.filter);
    if (!filter) return fail(std::move(filter.error()));
    rule.filter = *std::move(filter);
  }
  if (rule.on.empty() && (rule.snap != 0 || !given.filter.empty())) {
    return fail({.code = Errc::bad_config,
                 .subject = rule.snap != 0 ? "--snap" : "--filter",
                 .hint = "it needs --on TRIGGER, of those that fire for packets: packet.rx, packet.tx"});
  }
  for (const std::string& text : given.read) {
    auto expressions = split_expressions(text);
    if (!expressions) return fail(std::move(expressions.error()));
    rule.read.insert(rule.read.end(), expressions->begin(), expressions->end());
  }
  if (auto mode = take("--mode", given.mode, mode_named, rule.mode); !mode)
    return fail(std::move(mode.error()));
  if (auto every = take("--every", given.every, parse_duration, rule.every); !every) {
    return fail(std::move(every.error()));
  }
  if (!given.every.empty() && rule.every.count() == 0) {
    return fail(
        {.code = Errc::bad_config, .subject = "--every " + given.every, .hint = "expected a time above 0"});
  }
  if (!given.every.empty() && rule.read.empty()) {
    return fail({.code = Errc::bad_config,
                 .subject = "--every",
                 .hint = "a timer brings no arguments, so it needs --read EXPR, beside --on, too"});
  }
  return rule;
}

}  // namespace

void describe_options(CLI::App& command, CaptureOptions& options) {
  command
      .add_option("GUEST", options.guests,
                  "local:NAME, local:PID, xen:DOMAIN, xen:DOMAIN/PID, xen:DOMAIN/vifN (see: vmitap list)")
      ->required();

  const char* what = "What to capture";
  auto* file = command.add_option("--rule", options.rule_file, "Rules from a TOML file; - is standard input")
                   ->type_name("FILE.toml")
                   ->group(what);
  auto* on = command.add_option("--on", options.on, "At each fire of this trigger")
                 ->type_name("TRIGGER")
                 ->group(what);
  auto* read = command
                   .add_option("--read", options.read,
                               "Values to read, beside the trigger's arguments; may be repeated")
                   ->type_name("EXPR[,EXPR...]")
                   ->group(what);
  auto* every = command.add_option("--every", options.every, "At each tick of a host timer")
                    ->type_name("10ms")
                    ->group(what);
  auto* mode = command
                   .add_option("--mode", options.mode,
                               "How exact: sync, paused, live or inline; sync if there is --on, else paused")
                   ->type_name("MODE")
                   ->group(what);
  auto* sample = command.add_option("--sample", options.sample, "Only one in N fires of the trigger")
                     ->type_name("N")
                     ->check(CLI::Range(1U, UINT32_MAX))
                     ->group(what);
  auto* filter =
      command
          .add_option("--filter", options.filter,
                      "Only packets that pass, in tcpdump's language (triggers that fire for packets)")
          ->type_name("'tcp port 80'")
          ->group(what);
  auto* snap = command
                   .add_option("--snap", options.snap,
                               "The first N bytes of each packet, too (triggers that fire for packets)")
                   ->type_name("N")
                   ->check(CLI::Range(1U, kSnapMax))
                   ->group(what);
  for (CLI::Option* option : {on, read, every, mode, sample, filter, snap}) file->excludes(option);
  // CLI11 would take one occurrence's several words; one word with commas is what is meant.
  read->allow_extra_args(false);

  const char* how = "How far";
  command
      .add_option("--pause-budget", options.pause_budget, "Share of time that the guest may be paused (10%)")
      ->type_name("5%")
      ->group(how);
  command
      .add_option("--sync-timeout", options.sync_timeout,
                  "How long a firing thread waits in sync mode at most; then its record is live (100ms);\n"
                  "a Xen guest's kernel waits for 1s at most")
      ->type_name("100ms")
      ->group(how);
  command.add_option("--count", options.count, "End after N records")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62, "a whole number, 1 or more"))
      ->group(how);
  command.add_option("--for", options.duration, "End after this time")->type_name("10s")->group(how);

  const char* where = "Where to";
  command.add_option("-o,--output", options.output, "File, or - for standard output (NAME-DATE-TIME.mcap)")
      ->type_name("FILE")
      ->group(where);
  command
      .add_option("--format", options.format,
                  "mcap, pb or jsonl (by FILE's extension, else mcap; jsonl for -)")
      ->type_name("FORMAT")
      ->group(where);
  add_debug_dirs(command, options.debug_dirs)->group(where);

  command
      .add_flag("--no-sandbox", options.no_sandbox,
                "Keep capabilities and all system calls, which a capture of Xen domains gives up")
      ->group("For debugging");
}

Result<pipeline::Options> meaning_of(const CaptureOptions& given) {
  pipeline::Options options;
  if (!given.rule_file.empty()) {
    auto file = read_rule_file(given.rule_file == "-" ? "/dev/stdin" : given.rule_file);
    if (!file) return fail(std::move(file.error()));
    options.rules = std::move(file->rules);
    if (file->pause_budget) options.pause_budget = *file->pause_budget;
    if (file->sync_timeout) options.sync_timeout = *file->sync_timeout;
    options.debug_dirs = std::move(file->debug_dirs);
  } else if (!given.on.empty() || !given.read.empty() || !given.every.empty()) {
    auto rule = rule_of_options(given);
    if (!rule) return fail(std::move(rule.error()));
    options.rules.push_back(std::move(*rule));
  }
  for (pipeline::Rule& rule : options.rules) {
    if (!rule.on.empty()) continue;
    if (rule.name.empty()) rule.name = rule.every.count() > 0 ? "every" : "manual";
    if (rule.mode == SYNC || rule.mode == INLINE) {
      return fail(
          {.code = Errc::bad_config,
           .subject = fmt::format("mode {} of rule {}", rule.mode == SYNC ? "sync" : "inline", rule.name),
           .hint = "no thread of the guest fires it that could wait or copy; take paused or live"});
    }
  }
  options.debug_dirs.insert(options.debug_dirs.begin(), given.debug_dirs.begin(), given.debug_dirs.end());
  options.count = given.count;
  if (auto budget = take("--pause-budget", given.pause_budget, parse_share, options.pause_budget); !budget) {
    return fail(std::move(budget.error()));
  }
  std::chrono::nanoseconds sync_timeout = options.sync_timeout;
  if (auto wait = take("--sync-timeout", given.sync_timeout, parse_duration, sync_timeout); !wait) {
    return fail(std::move(wait.error()));
  }
  options.sync_timeout = std::chrono::duration_cast<std::chrono::microseconds>(sync_timeout);
  if (options.sync_timeout > std::chrono::hours(1)) {
    return fail({.code = Errc::bad_config,
                 .operation = "read options",
                 .subject = "--sync-timeout",
                 .hint = "at most 1h"});
  }
  if (auto time = take("--for", given.duration, parse_duration, options.duration); !time) {
    return fail(std::move(time.error()));
  }
  return options;
}

}  // namespace vmitap::cli
