// SPDX-License-Identifier: MIT
#include "sink/csv_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "sink/render.hpp"

namespace vmitap::sink {
namespace {

using google::protobuf::Descriptor;

bool is_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size();
}

std::string text_cell(std::string_view raw) {
  std::string text = printable(raw);
  if (!text.empty() && std::string_view("=+-@").find(text[0]) != std::string_view::npos && !is_number(text))
    text.insert(text.begin(), '\'');
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

std::string cell(const Json* value) {
  if (value == nullptr || (value->is_structured() && value->empty())) return {};
  if (value->is_string()) return text_cell(value->get_ref<const std::string&>());
  return value->is_structured() ? text_cell(one_line(*value)) : value->dump();
}

// "pcb->cwnd (UNREADABLE); pcb->state (UNREADABLE)"
std::string unread_text(const Json& unread) {
  std::string text;
  for (const Json& one : unread) {
    const Json& reason = one["reason"];
    text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", one["value"].get_ref<const std::string&>(),
                        reason.is_string() ? reason.get<std::string>() : reason.dump());
  }
  return text;
}

std::string joined(const auto& parts, auto&& to_cell) {
  std::string line;
  bool is_first = true;
  for (const auto& part : parts) {
    if (!std::exchange(is_first, false)) line += ',';
    line += to_cell(part);
  }
  return line += '\n';
}

}  // namespace

std::size_t CsvTable::field(const std::string& name, bool is_wanted) {
  const auto [known, is_new] = by_name_.try_emplace(name, table_.size());
  if (is_new) table_.push_back({.name = name, .shape = {}, .is_wanted = is_wanted, .ends_at = {}});
  return known->second;
}

void CsvTable::channel(const Channel& channel) {
  rules_.insert(channel.rule());
  const bool is_excluded = !options_.rule.empty() && channel.rule() != options_.rule;
  if (is_excluded || sources_.contains(channel.id())) return;
  auto& sources = sources_[channel.id()];
  if (!decoder_.add(channel)) return;  // its records will not decode, and be counted
  const Descriptor& message = *decoder_.descriptor(channel.id());
  sources = options_.fields.empty() ? all_of(message) : asked_of(message);
}

std::vector<CsvTable::Source> CsvTable::all_of(const Descriptor& message) {
  std::vector<Source> sources;
  const auto facts = fact_names();
  for (const std::string_view fact : facts)
    sources.push_back({field(std::string(fact), false), {std::string(fact)}});
  const auto tops = top_fields(message);
  for (const auto& [part, key] : tops) {
    const bool is_taken =
        std::ranges::find(facts, key) != facts.end() || std::ranges::count(tops, key, &TopField::key) > 1;
    sources.push_back({field(is_taken ? fmt::format("{}.{}", part, key) : key, true), {part, key}});
  }
  return sources;
}

std::vector<CsvTable::Source> CsvTable::asked_of(const Descriptor& message) {
  std::vector<Source> sources;
  auto paths = fields_.find(message);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::size_t at = field(fields_.names()[i], true);
    if (!paths[i].empty()) sources.push_back({at, std::move(paths[i])});
  }
  return sources;
}

std::optional<Json> CsvTable::decode(const ReadRecord& record) {
  const auto message = decoder_.decode(record);
  if (!message) return std::nullopt;
  Json json = record_json(decoder_.rule(record.channel), record, **message);
  if (const auto unread = json.find("unread"); unread != json.end()) *unread = unread_text(*unread);
  return json;
}

bool CsvTable::survey(const ReadRecord& record) {
  const auto sources = sources_.find(record.channel);
  if (sources == sources_.end()) return true;
  const auto json = decode(record);
  if (!json) return false;
  for (const auto& [at, path] : sources->second) {
    if (const Json* const value = value_at(*json, path)) {
      table_[at].shape.add(*value);
    } else if (const auto end = array_end(*json, path)) {
      table_[at].ends_at = end;
    }
  }
  return true;
}

Result<void> CsvTable::check() const {
  if (!options_.rule.empty() && !rules_.contains(options_.rule)) {
    const std::vector<std::string_view> known(rules_.begin(), rules_.end());
    return fail(
        {.code = Errc::unknown_name, .subject = options_.rule, .hint = nearest(options_.rule, known)});
  }
  if (auto known = fields_.all_known(); !known) return known;
  for (const Field& field : table_)
    if (!field.shape.seen() && field.ends_at)
      return fail({.code = Errc::bad_config,
                   .subject = field.name,
                   .hint = fmt::format("the array has {} elements, counted from 0", *field.ends_at)});
  return {};
}

std::string CsvTable::header() {
  std::vector<std::string> columns;
  for (const Field& field : table_)
    if (field.is_shown()) field.shape.name_columns(field.name, columns);
  cells_.resize(columns.size());
  return joined(columns, text_cell);
}

std::string CsvTable::line(const ReadRecord& record) {
  const auto sources = sources_.find(record.channel);
  if (sources == sources_.end() || sources->second.empty()) return {};
  const auto json = decode(record);
  if (!json) return {};
  std::vector<const Json*> values(table_.size());
  for (const auto& [at, path] : sources->second) values[at] = value_at(*json, path);
  const Json** next = cells_.data();
  for (std::size_t i = 0; i < table_.size(); ++i)
    if (table_[i].is_shown()) next = table_[i].shape.place(values[i], next);
  return joined(cells_, cell);
}

}  // namespace vmitap::sink
