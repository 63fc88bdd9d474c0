// SPDX-License-Identifier: MIT
// What protobuf asks of enumerations beyond what C does.
#include <algorithm>
#include <map>
#include <unordered_set>

#include "types/schema_model.hpp"
#include "types/schema_names.hpp"

namespace vmitap::types {
namespace {

// Proto3 refuses enumerators of different numbers that are equal if folded, also after the
// enumeration's own name is taken off their front.
class ValueNames {
 public:
  explicit ValueNames(std::string_view enumeration) : prefix_(folded(enumeration)) {}

  std::string take(std::string_view wanted, std::int32_t number) {
    std::string name{wanted};
    for (std::size_t i = 2; !fits(name, number); ++i) name = std::string{wanted} + "_" + std::to_string(i);
    names_.insert(name);
    const std::string whole = folded(name);
    numbers_.try_emplace(whole, number);
    numbers_.try_emplace(without_prefix(whole), number);
    return name;
  }

 private:
  [[nodiscard]] bool fits(const std::string& name, std::int32_t number) const {
    if (names_.contains(name)) return false;
    const std::string whole = folded(name);
    return is_free(whole, number) && is_free(without_prefix(whole), number);
  }
  [[nodiscard]] bool is_free(const std::string& key, std::int32_t number) const {
    const auto known = numbers_.find(key);
    return known == numbers_.end() || known->second == number;
  }
  [[nodiscard]] std::string without_prefix(const std::string& whole) const {
    return whole.starts_with(prefix_) && whole.size() > prefix_.size() ? whole.substr(prefix_.size()) : whole;
  }

  std::string prefix_;
  std::unordered_set<std::string> names_;
  std::map<std::string, std::int32_t> numbers_;
};

}  // namespace

EnumModel enum_model(std::string scope, std::string name, std::span<const Enumerator> enumerators) {
  EnumModel model;
  model.scope = std::move(scope);
  // It stands beside its enumerators.
  while (std::any_of(enumerators.begin(), enumerators.end(),
                     [&](const Enumerator& each) { return identifier(each.name) == name; })) {
    name += "_enum";
  }
  ValueNames names{name};
  std::unordered_set<std::int32_t> numbers;
  bool has_zero = false;
  for (const Enumerator& each : enumerators) {
    const auto number = static_cast<std::int32_t>(each.value);
    model.values.emplace_back(names.take(identifier(each.name), number), number);
    if (!numbers.insert(number).second) model.has_aliases = true;
    if (number == 0) has_zero = true;
  }
  if (!has_zero) model.values.emplace_back(names.take(name + "_0", 0), 0);
  const auto zero =
      std::find_if(model.values.begin(), model.values.end(), [](const auto& v) { return v.second == 0; });
  std::rotate(model.values.begin(), zero, zero + 1);
  model.name = std::move(name);
  return model;
}

}  // namespace vmitap::types
