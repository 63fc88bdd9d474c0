// SPDX-License-Identifier: MIT
// What `--fields` names: a fact, or a place in a record's arguments or values.
//   time_ns   pcb->cwnd   conn.state   table[3].state   m[0][1]   values.mode   args
// Expressions may hold dots and brackets themselves, so that the longest name that fits is taken first.
// A name means the fact of that name, else a value, else an argument; "values." and "args." in front of it
// say which, and alone mean all of them.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace google::protobuf {
class Descriptor;
}

namespace vmitap::sink {

// The way from a record_json() to the field: member names and array indices.
using FieldPath = std::vector<std::variant<std::string, std::size_t>>;

// In the order of record_json().
std::span<const std::string_view> fact_names();
bool is_fact(const FieldPath& path);

// A value or argument of a rule, whole.
struct TopField {
  std::string part;  // "args", "values"; "message" where no rule made it
  std::string key;
};
std::vector<TopField> top_fields(const google::protobuf::Descriptor& message);

// In a rule's message. Errc::unknown_name with the nearest name there.
Result<FieldPath> find_field(const google::protobuf::Descriptor& message, std::string_view name);

// nullptr if the record does not have it: it was not read, or an index is too large.
const nlohmann::ordered_json* value_at(const nlohmann::ordered_json& record, const FieldPath& path);
// The size of the array on the way for which an index is too large.
std::optional<std::size_t> array_end(const nlohmann::ordered_json& record, const FieldPath& path);

// Names are looked up in each rule; one that no rule has is an error, but only in the end, as a capture
// may announce rules late.
class FieldNames {
 public:
  explicit FieldNames(std::vector<std::string> names) : names_(std::move(names)), lookups_(names_.size()) {}

  // One path a name, empty for what this rule does not have; no paths at all if the rule has none of the
  // names but facts, and others were asked for.
  std::vector<FieldPath> find(const google::protobuf::Descriptor& message);
  // Errc::unknown_name if there is a name that no rule had.
  [[nodiscard]] Result<void> all_known() const;
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

 private:
  struct Lookup {
    bool known = false;
    std::string nearest;
  };
  std::vector<std::string> names_;
  std::vector<Lookup> lookups_;
};

}  // namespace vmitap::sink
