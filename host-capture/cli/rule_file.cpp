// SPDX-License-Identifier: MIT
#include "cli/rule_file.hpp"

#include <fmt/format.h>
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include "base/error_text.hpp"
#include "base/nearest.hpp"
#include "base/parse.hpp"
#include "base/printable.hpp"

namespace vmitap::cli {
namespace {

constexpr std::array<std::string_view, 4> kModes = {"sync", "paused", "live", "inline"};
constexpr std::array<Mode, 4> kModeValues = {SYNC, PAUSED, LIVE, INLINE};
constexpr std::array<std::string_view, 4> kFileKeys = {"rule", "pause_budget", "sync_timeout", "debug_dirs"};
constexpr std::array<std::string_view, 8> kRuleKeys = {"name", "on",     "every",  "read",
                                                       "mode", "sample", "filter", "snap"};

// One file while it is read.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Result<RuleFile> file(const toml::table& table) {
    RuleFile file;
    for (const auto& [key, node] : table) {
      Result<void> read;
      if (key == "rule") {
        read = rules(node, file);
      } else if (key == "pause_budget") {
        read = share(node, file.pause_budget);
      } else if (key == "sync_timeout") {
        auto time = duration(node);
        if (time) file.sync_timeout = std::chrono::duration_cast<std::chrono::microseconds>(*time);
        if (!time) read = fail(std::move(time.error()));
      } else if (key == "debug_dirs") {
        read = strings(node, file.debug_dirs);
      } else {
        read = unknown(key, kFileKeys);
      }
      if (!read) return fail(std::move(read.error()));
    }
    if (file.rules.empty()) return at(table.source(), "it has no [[rule]]");
    return file;
  }

 private:
  tl::unexpected<Error> at(const toml::source_region& where, std::string what) const {
    return fail({.code = Errc::bad_config,
                 .subject = fmt::format("{}:{}:{}", path_, where.begin.line, where.begin.column),
                 .hint = std::move(what)});
  }

  template <std::size_t N>
  tl::unexpected<Error> unknown(const toml::key& key, const std::array<std::string_view, N>& known) const {
    const std::string close = nearest(key.str(), known);
    return at(key.source(), close.empty() ? fmt::format("no key \"{}\" is known here; known are {}",
                                                        printable(key.str()), fmt::join(known, ", "))
                                          : fmt::format("no key \"{}\" is known here; did you mean \"{}\"?",
                                                        printable(key.str()), close));
  }

  Result<std::string> string(const toml::node& node) const {
    if (const auto text = node.value_exact<std::string>()) return *text;
    return at(node.source(), "expected a string in quotes");
  }

  Result<std::chrono::nanoseconds> duration(const toml::node& node) const {
    auto text = string(node);
    if (!text) return fail(std::move(text.error()));
    const auto parsed = parse_duration(*text);
    if (!parsed) return at(node.source(), parsed.error().hint);
    return *parsed;
  }

  Result<void> share(const toml::node& node, std::optional<double>& into) const {
    const auto text = node.is_number() ? std::optional(fmt::format("{}", node.value_or(-1.0)))
                                       : node.value_exact<std::string>();
    const auto parsed = parse_share(text.value_or(""));
    if (!parsed) return at(node.source(), parsed.error().hint);
    into = *parsed;
    return {};
  }

  Result<void> strings(const toml::node& node, std::vector<std::string>& into) const {
    const toml::array* array = node.as_array();
    if (array == nullptr) return at(node.source(), "expected a list of strings: [\"…\", \"…\"]");
    for (const toml::node& element : *array) {
      auto text = string(element);
      if (!text) return fail(std::move(text.error()));
      into.push_back(std::move(*text));
    }
    return {};
  }

  // A list of expressions, or several in one string.
  Result<void> expressions(const toml::node& node, std::vector<std::string>& into) const {
    if (!node.is_string()) {
      auto read = strings(node, into);
      for (const std::string& text : into) {
        if (read && printable(text).find_first_not_of(' ') == std::string::npos) {
          return at(node.source(), "an expression is empty");
        }
      }
      return read;
    }
    auto split = split_expressions(node.value_or(std::string()));
    if (!split) return at(node.source(), "expected expressions with commas between them: \"a, b.c\"");
    into = std::move(*split);
    return {};
  }

  Result<void> rules(const toml::node& node, RuleFile& file) {
    const toml::array* array = node.as_array();
    if (array == nullptr || !array->is_homogeneous<toml::table>()) {
      return at(node.source(), "expected rules that begin with [[rule]]");
    }
    for (const toml::node& element : *array) {
      auto read = rule(*element.as_table());
      if (!read) return fail(std::move(read.error()));
      file.rules.push_back(std::move(*read));
    }
    return {};
  }

  Result<pipeline::Rule> rule(const toml::table& table) {
    pipeline::Rule rule;
    for (const auto& [key, node] : table) {
      auto read = member(key, node, rule);
      if (!read) return fail(std::move(read.error()));
    }
    if (rule.on.empty() && rule.read.empty()) {
      return at(table.source(),
                "the rule reads nothing: it needs `read`, or `on` to take a trigger's arguments");
    }
    if (!rule.name.empty() && !names_.insert(rule.name).second) {
      return at(table["name"].node()->source(),
                fmt::format("another rule is called \"{}\" already", printable(rule.name)));
    }
    return rule;
  }

  Result<void> member(const toml::key& key, const toml::node& node, pipeline::Rule& rule) const {
    if (key == "read") return expressions(node, rule.read);
    if (key == "every") {
      auto every = duration(node);
      if (!every) return fail(std::move(every.error()));
      if (every->count() == 0) return at(node.source(), "expected a time above 0");
      rule.every = *every;
      return {};
    }
    if (key == "sample") {
      const auto number = node.value_exact<std::int64_t>();
      if (!number || *number < 1 || *number > UINT32_MAX) {
        return at(node.source(), "expected a whole number of at least 1: one in so many fires is taken");
      }
      rule.sample = static_cast<std::uint32_t>(*number);
      return {};
    }
    if (key == "snap") {
      const auto number = node.value_exact<std::int64_t>();
      if (!number || *number < 1 || *number > kSnapMax)
        return at(node.source(), fmt::format("expected a number of bytes from 1 to {}", kSnapMax));
      rule.snap = static_cast<std::uint32_t>(*number);
      return {};
    }
    if (key != "name" && key != "on" && key != "mode" && key != "filter") return unknown(key, kRuleKeys);
    auto text = string(node);
    if (!text) return fail(std::move(text.error()));
    if (text->empty()) return at(node.source(), "it is empty");
    if (key == "mode") {
      const auto mode = mode_named(*text);
      if (!mode) return at(node.source(), mode.error().hint);
      rule.mode = *mode;
    } else if (key == "filter") {
      auto filter = pipeline::compile_filter(*text);
      if (!filter) return at(node.source(), describe(filter.error()));
      rule.filter = *std::move(filter);
    } else {
      (key == "name" ? rule.name : rule.on) = std::move(*text);
    }
    return {};
  }

  const std::string& path_;
  std::set<std::string> names_;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

}  // namespace

Result<RuleFile> parse_rules(std::string_view text, const std::string& path) {
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(
        {.code = Errc::bad_config,
         .subject = fmt::format("{}:{}:{}", path, error.source().begin.line, error.source().begin.column),
         .hint = std::string(error.description())});
  }
  return Reader(path).file(parsed.table());
}

Result<RuleFile> read_rule_file(const std::string& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    const int reason = errno;
    // An empty file leaves the output stream failed, and is what it is.
    if (!stream.is_open() || reason != 0) {
      return fail({.code = Errc::io, .operation = "read the rules", .subject = path, .sys = reason});
    }
  }
  return parse_rules(text.str(), path);
}

Result<Mode> mode_named(std::string_view name) {
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (kModes[i] == name) return kModeValues[i];
  }
  const std::string close = nearest(name, kModes);
  return fail({.code = Errc::bad_config,
               .subject = std::string(name),
               .hint = close.empty() ? fmt::format("expected one of {}", fmt::join(kModes, ", "))
                                     : fmt::format("did you mean \"{}\"?", close)});
}

Result<std::vector<std::string>> split_expressions(std::string_view text) {
  std::vector<std::string> expressions;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') --depth;
    // What stays open at the end is the expression parser's to explain.
    if (c != ',' || (depth > 0 && i < text.size())) continue;
    const std::string_view expression = trimmed(text.substr(start, i - start));
    if (expression.empty()) {
      return fail({.code = Errc::bad_expression,
                   .subject = std::string(text),
                   .number = i + 1,
                   .hint = "an expression on each side of a comma"});
    }
    expressions.emplace_back(expression);
    start = i + 1;
  }
  return expressions;
}

}  // namespace vmitap::cli
