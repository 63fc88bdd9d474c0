// SPDX-License-Identifier: MIT
// vmitap info: what stands in a capture.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/printable.hpp"
#include "base/quantity_text.hpp"
#include "cli/command.hpp"
#include "cli/digest.hpp"
#include "cli/patience.hpp"
#include "cli/report.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"

namespace vmitap::cli {
namespace {

using nlohmann::ordered_json;

constexpr const char* kHelp = R"(
Skid: from the trigger to the moment the values stand for. Pause: how long the guest stood still for a
record's snapshot, which it may share with others. Both are taken over all records; p99 is the nearest rank.
A capture that was cut off is read up to its last whole chunk.

Examples:
  vmitap info demo.mcap
  vmitap info demo.mcap --json | jq '.rules[] | {name, records, skid_ns}'

Exit codes: 0 ok, also if the capture was cut off; 1 not a capture, or an error; 2 bad usage.)";

std::string modes_text(const RuleDigest& rule) {
  std::string text;
  for (const auto& [mode, count] : rule.modes) {
    if (!text.empty()) text += ", ";
    text +=
        rule.modes.size() == 1 ? Mode_Name(mode) : fmt::format("{} {}", count_text(count), Mode_Name(mode));
  }
  return text.empty() ? "-" : text;
}

double seconds_of(const RuleDigest& rule) { return static_cast<double>(rule.last_ns - rule.first_ns) / 1e9; }

// Records after the first, by the time from the first to the last.
double rate_of(const RuleDigest& rule) {
  return seconds_of(rule) > 0 ? static_cast<double>(rule.records - 1) / seconds_of(rule) : 0;
}

std::string rate_text(const RuleDigest& rule) {
  const double rate = rate_of(rule);
  if (rate <= 0) return "-";
  return rate < 100 ? fmt::format("{:.1f}/s", rate)
                    : count_text(static_cast<std::uint64_t>(std::llround(rate))) + "/s";
}

std::string triggers_text(const RuleDigest& rule) {
  std::string text;
  for (const auto& [trigger, count] : rule.triggers) text += (text.empty() ? "" : ", ") + printable(trigger);
  return text.empty() ? "-" : text;
}

struct Span {
  std::uint64_t start_ns = 0, end_ns = 0;
  [[nodiscard]] std::uint64_t length() const { return end_ns > start_ns ? end_ns - start_ns : 0; }
};

// Of the whole capture; if it was cut off, as far as its records tell.
Span span_of(const Digest& digest) {
  if (digest.summary) return {digest.summary->start_time_ns(), digest.summary->end_time_ns()};
  Span span;
  if (digest.session) span = {digest.session->time_ns(), digest.session->time_ns()};
  for (const RuleDigest& rule : digest.rules) span.end_ns = std::max(span.end_ns, rule.last_ns);
  return span;
}

void line(const Style& style, const char* what, const std::string& text) {
  fmt::print("  {}  {}\n", style.dim(fmt::format("{:<9}", what)), text);
}

void print_origin(const Digest& digest, const Style& style) {
  const Span span = span_of(digest);
  if (span.start_ns != 0) {
    line(style, "captured",
         fmt::format("{}, for {}", time_text(span.start_ns), duration_text(span.length())));
  }
  if (digest.summary) line(style, "ended", printable(digest.summary->ended_by()));
  if (digest.summary && digest.session && digest.session->guests_size() > 1) {
    for (const GuestEnd& end : digest.summary->guests_ended())
      line(style, "",
           printable(fmt::format("guest {} {}, {}", end.guest(), end.how(), time_text(end.time_ns()))));
  }
  if (!digest.session) return;
  for (const GuestInfo& guest : digest.session->guests()) {
    const std::string clock = guest.clock().empty() ? "" : "  clock " + guest.clock();  // empty: left out
    line(style, "guest", printable(fmt::format("{}  {}{}", guest.name(), guest.program(), clock)));
    for (const std::string& id : guest.build_ids()) line(style, "build id", printable(id));
  }
}

// As the tables name it: two guests may have the same rule.
std::string label(const RuleDigest& rule) {
  return printable(rule.guest.empty() ? rule.name : fmt::format("{} of {}", rule.name, rule.guest));
}

void print_rules(const Digest& digest, const Style& style) {
  Table table("lllrr");
  table.add({"RULE", "FIRED BY", "MODE", "RECORDS", "RATE"});
  for (const RuleDigest& rule : digest.rules) {
    table.add(
        {label(rule), triggers_text(rule), modes_text(rule), count_text(rule.records), rate_text(rule)});
  }
  fmt::print("\n{}", table.text());

  Table times("llrrrr");
  times.add({"TIME", "RULE", "MIN", "MEDIAN", "P99", "MAX"});
  const auto add = [&](const char* what, const RuleDigest& rule, const Spread& spread) {
    if (spread.count == 0) return false;
    times.add({what, label(rule), duration_text(spread.min), duration_text(spread.median),
               duration_text(spread.p99), duration_text(spread.max)});
    return true;
  };
  bool any = false;
  for (const RuleDigest& rule : digest.rules) any = add("pause", rule, rule.pause_ns) || any;
  for (const RuleDigest& rule : digest.rules) any = add("skid", rule, rule.skid_ns) || any;
  if (any) fmt::print("\n{}", times.text());

  Table fields("llll");
  fields.add({"RULE", "", "VALUE", "TYPE"});
  for (const RuleDigest& rule : digest.rules) {
    for (const FieldDigest& field : rule.fields) {
      fields.add({label(rule), printable(field.part), printable(field.expression), printable(field.c_type)});
    }
  }
  fmt::print("\n{}\n", fields.text());
  for (const RuleDigest& rule : digest.rules) {
    for (const auto& [expression, count] : rule.unread) {
      line(style, "unread",
           printable(fmt::format("{} in {} of {}: a null or wild pointer, or the guest had gone", expression,
                                 plural(count, "record"), rule.name)));
    }
  }
}

std::string fallback_text(Facts::Fallback why, const std::string& detail) {
  switch (why) {
    case Facts::OVER_BUDGET:
      return ": the pause budget was used up";
    case Facts::PAUSE_FAILED:
      return fmt::format(": the guest could not be paused: {}", detail);
    case Facts::GAVE_UP_WAITING:
      return ": the thread had given up waiting";
    case Facts::COULD_NOT_WAIT:
      return ": a signal handler fired in the midst of another fire, and could not wait";
    default:
      return "";
  }
}

void print_accounts(const Digest& digest, const Style& style) {
  line(style, "records", count_text(digest.records));
  if (digest.summary && digest.summary->pauses() != 0) {
    const std::uint64_t length = span_of(digest).length();
    const double share =
        length != 0 ? static_cast<double>(digest.summary->paused_ns()) / static_cast<double>(length) : 0;
    line(style, "paused",
         fmt::format("{}, {} in all: {} of the time; the budget was {}",
                     plural(digest.summary->pauses(), "window"), duration_text(digest.summary->paused_ns()),
                     share_text(share), share_text(digest.session ? digest.session->pause_budget() : 0)));
  }
  for (const RuleDigest& rule : digest.rules) {
    for (const auto& [why, count] : rule.fallbacks) {
      line(style, "live",
           style.yellow(printable(fmt::format("{} of {}{}", plural(count, "record"), label(rule),
                                              fallback_text(why, rule.fallback_detail)))));
    }
  }
  for (const LossDigest& loss : digest.losses) {
    line(style, "lost",
         style.red(printable(fmt::format("{} {}{}{}", count_text(loss.count), loss.reason,
                                         loss.guest.empty() ? "" : " of " + loss.guest,
                                         loss.detail.empty() ? "" : ": " + loss.detail))));
  }
  if (digest.losses.empty())
    line(style, "lost", digest.outcome.complete ? "nothing" : "nothing, up to the cut");
  if (digest.malformed != 0) {
    line(style, "malformed", style.red(plural(digest.malformed, "record")));
  }
}

ordered_json spread_json(const Spread& spread) {
  if (spread.count == 0) return nullptr;
  return {{"count", spread.count},
          {"min", spread.min},
          {"median", spread.median},
          {"p99", spread.p99},
          {"max", spread.max}};
}

ordered_json rule_json(const RuleDigest& rule, const RuleInfo* asked) {
  ordered_json json{{"name", printable(rule.name)}, {"message", printable(rule.message)}};
  if (!rule.guest.empty()) json["guest"] = printable(rule.guest);
  if (asked != nullptr) {
    json["on"] = printable(asked->on());
    json["every_ns"] = asked->every_ns();
    json["mode"] = Mode_Name(asked->mode());
    ordered_json& read = json["read"] = ordered_json::array();
    for (const std::string& expression : asked->read()) read.push_back(printable(expression));
  }
  json["records"] = rule.records;
  json["rate"] = rate_of(rule);
  json["first_time_ns"] = rule.first_ns;
  json["last_time_ns"] = rule.last_ns;
  ordered_json& triggers = json["triggers"] = ordered_json::object();
  for (const auto& [trigger, count] : rule.triggers) triggers[printable(trigger)] = count;
  ordered_json& modes = json["modes"] = ordered_json::object();
  for (const auto& [mode, count] : rule.modes) modes[Mode_Name(mode)] = count;
  ordered_json& fallbacks = json["fallbacks"] = ordered_json::object();
  for (const auto& [why, count] : rule.fallbacks) fallbacks[Facts::Fallback_Name(why)] = count;
  json["fallback_detail"] = printable(rule.fallback_detail);
  ordered_json& unread = json["unread"] = ordered_json::object();
  for (const auto& [expression, count] : rule.unread) unread[printable(expression)] = count;
  json["skid_ns"] = spread_json(rule.skid_ns);
  json["pause_ns"] = spread_json(rule.pause_ns);
  ordered_json& fields = json["fields"] = ordered_json::array();
  for (const FieldDigest& field : rule.fields) {
    fields.push_back({{"part", printable(field.part)},
                      {"expression", printable(field.expression)},
                      {"c_type", printable(field.c_type)}});
  }
  return json;
}

// Sites of different shapes make channels NAME, NAME#2, … of one rule.
const RuleInfo* asked_rule(const Digest& digest, const std::string& channel) {
  if (!digest.session) return nullptr;
  const std::string name = channel.substr(0, channel.rfind('#'));
  for (const RuleInfo& rule : digest.session->rules()) {
    if (rule.name() == channel || rule.name() == name) return &rule;
  }
  return nullptr;
}

ordered_json to_json(const Digest& digest, const std::string& path, std::uint64_t size) {
  const Span span = span_of(digest);
  ordered_json json{{"file", printable(path)},
                    {"bytes", size},
                    {"complete", digest.outcome.complete},
                    {"problem", printable(digest.outcome.problem)},
                    {"bytes_left", digest.outcome.bytes_left},
                    {"start_time_ns", span.start_ns},
                    {"end_time_ns", span.end_ns}};
  json["ended_by"] =
      digest.summary ? ordered_json(printable(digest.summary->ended_by())) : ordered_json(nullptr);
  ordered_json& guests = json["guests"] = ordered_json::array();
  if (digest.session) {
    json["vmitap_version"] = printable(digest.session->vmitap_version());
    json["pause_budget"] = digest.session->pause_budget();
    for (const GuestInfo& guest : digest.session->guests()) {
      ordered_json ids = ordered_json::array();
      for (const std::string& id : guest.build_ids()) ids.push_back(printable(id));
      guests.push_back({{"name", printable(guest.name())},
                        {"program", printable(guest.program())},
                        {"id", guest.id()},
                        {"clock", printable(guest.clock())},
                        {"build_ids", std::move(ids)}});
    }
  }
  json["records"] = digest.records;
  json["malformed"] = digest.malformed;
  ordered_json& rules = json["rules"] = ordered_json::array();
  for (const RuleDigest& rule : digest.rules) rules.push_back(rule_json(rule, asked_rule(digest, rule.name)));
  std::uint64_t lost = 0;
  ordered_json& losses = json["losses"] = ordered_json::array();
  for (const LossDigest& loss : digest.losses) {
    lost += loss.count;
    losses.push_back({{"reason", loss.reason},
                      {"guest", printable(loss.guest)},
                      {"count", loss.count},
                      {"detail", printable(loss.detail)}});
  }
  json["lost"] = lost;
  if (digest.summary) {
    json["pauses"] = digest.summary->pauses();
    json["paused_ns"] = digest.summary->paused_ns();
    json["over_budget"] = digest.summary->over_budget();
    json["sync_timeouts"] = digest.summary->sync_timeouts();
    ordered_json& ends = json["guests_ended"] = ordered_json::array();
    for (const GuestEnd& end : digest.summary->guests_ended())
      ends.push_back({{"guest", printable(end.guest())},
                      {"how", printable(end.how())},
                      {"time_ns", end.time_ns()},
                      {"left_out", end.left_out()}});
    json["pause_failures"] = digest.summary->pause_failures();
  }
  return json;
}

struct InfoOptions {
  std::string file;
  bool json = false;
};

Exit info(const InfoOptions& options) {
  Result<Digest> read;
  {
    const Patience patience("reading the capture");
    read = digest(options.file);
  }
  if (!read) return report(read.error());
  std::error_code error;
  const auto size = std::filesystem::file_size(options.file, error);
  const std::uint64_t bytes = error ? read->outcome.bytes_read + read->outcome.bytes_left : size;
  if (options.json) {
    fmt::print("{}\n", to_json(*read, options.file, bytes).dump(2));
    return Exit::ok;
  }
  const Style style(STDOUT_FILENO);
  fmt::print("{}  {}, {}\n", style.bold(printable(options.file)), bytes_text(bytes),
             read->outcome.complete ? "complete" : style.yellow("cut off"));
  if (!read->outcome.complete) {
    line(style, "cut off",
         style.yellow(printable(fmt::format("{}; {} after the last whole chunk are lost",
                                            read->outcome.problem, bytes_text(read->outcome.bytes_left)))));
  }
  print_origin(*read, style);
  print_rules(*read, style);
  print_accounts(*read, style);
  return Exit::ok;
}

}  // namespace

void add_info(CLI::App& app, Exit& exit) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command =
      app.add_subcommand("info", "Show what stands in a capture: guest, rules, types, counts, losses, times");
  command->add_option("FILE", options->file, "A capture: .mcap or .pb")->required();
  command->add_flag("--json", options->json, "As JSON");
  command->footer(kHelp);
  command->callback([options, &exit] { exit = info(*options); });
}

}  // namespace vmitap::cli
