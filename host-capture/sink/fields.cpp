// SPDX-License-Identifier: MIT
#include "sink/fields.hpp"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/nearest.hpp"
#include "sink/render.hpp"

namespace vmitap::sink {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr std::array<std::string_view, 16> kFacts{"rule",        "trigger",         "sequence",   "time",
                                                  "time_ns",     "monotonic_ns",    "thread",     "mode",
                                                  "fallback",    "fallback_detail", "skid_ns",    "pause_ns",
                                                  "lost_before", "guest",           "connection", "unread"};
constexpr std::array<std::string_view, 3> kParts{"values", "args",
                                                 "message"};  // where a bare name is looked for

// "[12]" in front of the text, which is taken off.
std::optional<std::size_t> take_index(std::string_view& text) {
  std::size_t index = 0;
  if (!text.starts_with('[')) return std::nullopt;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data() + 1, end, index);
  if (error != std::errc() || after == end || *after != ']') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(after - text.data()) + 1);
  return index;
}

bool find_in(const Descriptor& message, std::string_view name, FieldPath& path);

// What follows a field's own name: indices, then members.
bool find_behind(const FieldDescriptor& field, std::string_view rest, FieldPath& path) {
  const FieldDescriptor* at = &field;
  bool is_array = at->is_repeated() && !at->is_map();
  while (is_array && rest.starts_with('[')) {
    const auto index = take_index(rest);
    if (!index) return false;
    path.emplace_back(*index);
    const FieldDescriptor* const row = row_field(*at);
    is_array = row != nullptr;
    if (is_array) at = row;
  }
  if (rest.empty()) return true;
  return !is_array && !at->is_map() && rest.starts_with('.') && at->message_type() != nullptr &&
         find_in(*at->message_type(), rest.substr(1), path);
}

bool find_in(const Descriptor& message, std::string_view name, FieldPath& path) {
  std::vector<const FieldDescriptor*> candidates;
  for (int i = 0; i < message.field_count(); ++i) {
    const std::string& key = field_key(*message.field(i));
    if (!key.empty() && name.starts_with(key)) candidates.push_back(message.field(i));
  }
  std::ranges::stable_sort(candidates, std::greater{},
                           [](const FieldDescriptor* field) { return field_key(*field).size(); });
  const std::size_t length = path.size();
  for (const FieldDescriptor* const field : candidates) {
    const std::string& key = field_key(*field);
    path.emplace_back(key);
    if (find_behind(*field, name.substr(key.size()), path)) return true;
    path.resize(length);
  }
  return false;
}

// The message behind "args" or "values"; for a message that no rule made, itself.
const Descriptor* part_of(const Descriptor& message, std::string_view part) {
  const bool made_by_rule = has_facts(message);
  if (part == "message") return made_by_rule ? nullptr : &message;
  const FieldDescriptor* const field = made_by_rule ? message.FindFieldByName(std::string(part)) : nullptr;
  return field == nullptr || field->is_repeated() ? nullptr : field->message_type();
}

std::string nearest_in(const Descriptor& message, std::string_view name) {
  // Members only one level down: their names show where to look further.
  std::vector<std::string> names(kFacts.begin(), kFacts.end());
  for (const std::string_view part : kParts) {
    const Descriptor* const fields = part_of(message, part);
    for (int i = 0; fields != nullptr && i < fields->field_count(); ++i) {
      const FieldDescriptor& field = *fields->field(i);
      const std::string& key = field_key(field);
      names.push_back(key);
      const Descriptor* const inner = field.is_map() ? nullptr : field.message_type();
      for (int j = 0; inner != nullptr && j < inner->field_count(); ++j)
        names.push_back(key + (field.is_repeated() ? "[0]." : ".") + field_key(*inner->field(j)));
    }
  }
  // A member that was named without what it stands in.
  for (const std::string& full : names)
    if (full.size() > name.size() && full.ends_with(name) && full[full.size() - name.size() - 1] == '.')
      return full;
  return nearest(name, std::vector<std::string_view>(names.begin(), names.end()));
}

}  // namespace

std::span<const std::string_view> fact_names() { return kFacts; }

bool is_fact(const FieldPath& path) {
  return path.size() == 1 && std::ranges::find(kFacts, std::get<std::string>(path[0])) != kFacts.end();
}

std::vector<TopField> top_fields(const Descriptor& message) {
  std::vector<TopField> fields;
  for (const std::string_view part : {"args", "values", "message"}) {
    const Descriptor* const type = part_of(message, part);
    for (int i = 0; type != nullptr && i < type->field_count(); ++i)
      fields.push_back({std::string(part), field_key(*type->field(i))});
  }
  return fields;
}

Result<FieldPath> find_field(const Descriptor& message, std::string_view name) {
  for (const std::string_view part : kParts) {
    const Descriptor* const fields = part_of(message, part);
    if (fields == nullptr || !name.starts_with(part)) continue;
    FieldPath path{std::string(part)};
    if (name.size() == part.size()) return path;
    if (name[part.size()] == '.' && find_in(*fields, name.substr(part.size() + 1), path)) return path;
  }
  if (std::ranges::find(kFacts, name) != kFacts.end()) return FieldPath{std::string(name)};
  for (const std::string_view part : kParts) {
    FieldPath path{std::string(part)};
    if (const Descriptor* const fields = part_of(message, part);
        fields != nullptr && find_in(*fields, name, path))
      return path;
  }
  return fail({.code = Errc::unknown_name, .subject = std::string(name), .hint = nearest_in(message, name)});
}

namespace {

// How far the path leads in this record: the value there, and the steps that are left.
struct Reached {
  const Json* value;
  std::span<const FieldPath::value_type> left;
};

Reached follow(const Json& record, const FieldPath& path) {
  Reached at{&record, path};
  for (; !at.left.empty(); at.left = at.left.subspan(1)) {
    if (const auto* const key = std::get_if<std::string>(&at.left[0])) {
      const auto member = at.value->find(*key);  // end() if it is no object
      if (member == at.value->end()) break;
      at.value = &*member;
    } else {
      const std::size_t index = std::get<std::size_t>(at.left[0]);
      if (!at.value->is_array() || index >= at.value->size()) break;
      at.value = &(*at.value)[index];
    }
  }
  return at;
}

}  // namespace

const Json* value_at(const Json& record, const FieldPath& path) {
  const Reached at = follow(record, path);
  return at.left.empty() ? at.value : nullptr;
}

std::optional<std::size_t> array_end(const Json& record, const FieldPath& path) {
  const Reached at = follow(record, path);
  if (at.left.empty() || !at.value->is_array()) return std::nullopt;
  return at.value->size();
}

std::vector<FieldPath> FieldNames::find(const Descriptor& message) {
  std::vector<FieldPath> paths(names_.size());
  bool only_facts = true;
  bool has_others = false;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    auto path = find_field(message, names_[i]);
    if (path) {
      lookups_[i].known = true;
      has_others = has_others || !is_fact(*path);
      only_facts = only_facts && is_fact(*path);
      paths[i] = std::move(*path);
    } else {
      only_facts = false;
      if (lookups_[i].nearest.empty()) lookups_[i].nearest = std::move(path.error().hint);
    }
  }
  if (!only_facts && !has_others) return {};
  return paths;
}

Result<void> FieldNames::all_known() const {
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (!lookups_[i].known)
      return fail({.code = Errc::unknown_name, .subject = names_[i], .hint = lookups_[i].nearest});
  return {};
}

}  // namespace vmitap::sink
