// SPDX-License-Identifier: MIT
// What an expression can start at.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "types/expression.hpp"
#include "types/expression_tokens.hpp"

namespace vmitap::types {

struct RootName {
  const LoadedObject* object = nullptr;
  const Argument* argument = nullptr;  // one of these two is set
  const Mark* mark = nullptr;
  std::uint64_t address = 0;  // of a mark's variable, 0 if nobody told
  std::vector<Token> tokens;  // of the name, without the end
  bool is_postfix = false;    // binds as tightly as a primary: `seg->len`, but not `*p` or `a + b`
};

class RootNames {
 public:
  // Must not outlive the scope.
  explicit RootNames(const Scope& scope);

  // The name that these tokens spell, all of them. nullptr if there is none; Errc::ambiguous_name.
  [[nodiscard]] Result<const RootName*> whole(std::span<const Token> tokens) const;
  // The longest name that they start with and that postfix operators may follow.
  [[nodiscard]] Result<const RootName*> longest(std::span<const Token> tokens) const;
  // A mark of that file.
  [[nodiscard]] Result<const RootName*> in_file(std::string_view file, std::span<const Token> tokens) const;
  // arg1, arg2 …
  [[nodiscard]] const RootName* by_position(std::string_view name) const;
  // The known name nearest to this one; empty if none is near.
  [[nodiscard]] std::string nearest_to(std::string_view name) const;

 private:
  void add_marks(const LoadedObject& object);
  [[nodiscard]] Result<const RootName*> unique(const std::vector<const RootName*>& found) const;

  const Scope& scope_;
  std::vector<RootName> names_;  // those that come first hide the others
};

}  // namespace vmitap::types
