// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vmitap::cli {

// Columns that a text takes on a terminal: its code points. Wide characters are not known here.
std::size_t columns_of(std::string_view text);

// Lines up cells in columns, as wide as their widest.
class Table {
 public:
  // One letter a column: l or r, where its text is aligned to.
  explicit Table(std::string_view alignment) : alignment_(alignment) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  // Each line begins with `indent`; two spaces between columns.
  [[nodiscard]] std::string text(std::string_view indent = "  ") const;

 private:
  std::string alignment_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace vmitap::cli
