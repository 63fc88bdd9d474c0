// SPDX-License-Identifier: MIT
// One pass over all debug information of an object: where its descriptors are, what encloses a type,
// and which definition a declaration stands for. Cost and memory are linear in the debug information.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.hpp"
#include "types/dwarf_die.hpp"

namespace vmitap::types::dwarf {

// What a C or C++ name stands in, "" or "ns::Outer::". Index into DwarfIndex's table.
using ScopeId = std::uint32_t;

struct IndexOptions {
  bool all_types = false;  // fill DwarfIndex::named_types()
};

class DwarfIndex {
 public:
  // Error::number is the offset of the DIE; the caller adds the file.
  static Result<DwarfIndex> build(Dwarf* dwarf, const IndexOptions& options);

  // Static variables of such names, in the order of the debug information, with repetitions.
  [[nodiscard]] const std::vector<Dwarf_Die>& marks() const noexcept { return marks_; }
  [[nodiscard]] const std::vector<Dwarf_Die>& triggers() const noexcept { return triggers_; }
  // Definitions of named records, enumerations, typedefs and base types; without most repetitions.
  [[nodiscard]] const std::vector<Dwarf_Die>& named_types() const noexcept { return named_types_; }
  // Of split DWARF: .dwo files that are not where they should be.
  [[nodiscard]] const std::vector<std::string>& missing_files() const noexcept { return missing_files_; }

  // "ns::Outer::Inner", printable; empty for a type without a name.
  [[nodiscard]] std::string qualified_name(Dwarf_Die& type) const;
  // A definition, maybe in another unit, of a record or enumeration that is only declared here.
  [[nodiscard]] std::optional<Dwarf_Die> definition_of(Dwarf_Die& declaration) const;

 private:
  friend class IndexBuilder;
  struct Name {
    ScopeId scope;
    std::string_view name;
    bool operator==(const Name&) const = default;
  };
  struct NameHash {
    std::size_t operator()(const Name& name) const noexcept {
      return std::hash<std::string_view>{}(name.name) * 31 + name.scope;
    }
  };
  [[nodiscard]] ScopeId scope_of(Dwarf_Die& type) const;

  std::vector<std::string> scopes_{""};
  std::vector<std::pair<Key, ScopeId>> enclosed_;  // sorted; types in the empty scope are left out
  std::unordered_map<Name, Dwarf_Die, NameHash> definitions_;
  std::vector<Dwarf_Die> marks_;
  std::vector<Dwarf_Die> triggers_;
  std::vector<Dwarf_Die> named_types_;
  std::vector<std::string> missing_files_;
};

}  // namespace vmitap::types::dwarf
