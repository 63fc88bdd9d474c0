// SPDX-License-Identifier: MIT
#include "sink/csv_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vmitap::sink {

using Json = nlohmann::ordered_json;

Shape& Shape::member(const std::string& name, std::size_t likely) {
  if (likely < names_.size() && names_[likely] == name) return members_[likely];
  const auto known = std::ranges::find(names_, name);
  const auto at = static_cast<std::size_t>(known - names_.begin());
  if (known == names_.end()) {
    names_.push_back(name);
    members_.emplace_back();
  }
  return members_[at];
}

void Shape::add(const Json& value) {
  seen_ = true;
  if (value.is_array()) {
    if (elements_.size() < value.size()) elements_.resize(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) elements_[i].add(value[i]);
  } else if (value.is_object()) {
    std::size_t i = 0;
    for (const auto& [name, content] : value.items()) member(name, i++).add(content);
  }
}

void Shape::name_columns(const std::string& name, std::vector<std::string>& columns) const {
  if (members_.empty() && elements_.empty()) columns.push_back(name);
  for (std::size_t i = 0; i < members_.size(); ++i)
    members_[i].name_columns(fmt::format("{}.{}", name, names_[i]), columns);
  for (std::size_t i = 0; i < elements_.size(); ++i)
    elements_[i].name_columns(fmt::format("{}[{}]", name, i), columns);
}

const Json** Shape::place(const Json* value, const Json** columns) const {
  if (members_.empty() && elements_.empty()) {
    *columns = value;
    return columns + 1;
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const bool has = value != nullptr && value->is_object() && value->contains(names_[i]);
    columns = members_[i].place(has ? &value->at(names_[i]) : nullptr, columns);
  }
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    const bool has = value != nullptr && value->is_array() && i < value->size();
    columns = elements_[i].place(has ? &value->at(i) : nullptr, columns);
  }
  return columns;
}

}  // namespace vmitap::sink
