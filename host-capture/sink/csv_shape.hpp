// SPDX-License-Identifier: MIT
// Which columns a JSON value needs.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace vmitap::sink {

// The union of the shapes of all values that it was shown: members by name, arrays by their longest.
class Shape {
 public:
  void add(const nlohmann::ordered_json& value);
  [[nodiscard]] bool seen() const noexcept { return seen_; }

  // NAME for a plain value, or for none at all; else NAME.member, NAME[0], …, appended to `columns`.
  void name_columns(const std::string& name, std::vector<std::string>& columns) const;
  // Puts pointers to a value's plain parts where its columns are; what it lacks stays nullptr. The value was
  // added before; returns the first place behind the columns.
  const nlohmann::ordered_json** place(const nlohmann::ordered_json* value,
                                       const nlohmann::ordered_json** columns) const;

 private:
  Shape& member(const std::string& name, std::size_t likely);

  bool seen_ = false;
  std::vector<std::string> names_;  // of members_
  std::vector<Shape> members_;
  std::vector<Shape> elements_;
};

}  // namespace vmitap::sink
