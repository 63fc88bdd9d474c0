// SPDX-License-Identifier: MIT
#include "types/layout.hpp"

#include <array>
#include <utility>

namespace vmitap::types {
namespace {

// Catalogs come without loops through typedefs (dwarf.cpp, catalog_proto.cpp); one built by hand may
// have them, and no chain in real code comes near this.
constexpr int kDepthMax = 256;

std::string_view keyword(const Type& type) {
  if (type.kind == Kind::enumeration) return "enum";
  switch (type.record) {
    case RecordKind::struct_:
      return "struct";
    case RecordKind::union_:
      return "union";
    case RecordKind::class_:
      return "class";
  }
  return "struct";
}

bool is_tagged(const Type& type) { return type.kind == Kind::record || type.kind == Kind::enumeration; }

// What stands before the declarator.
std::string base_name(const Type& type) {
  if (type.kind == Kind::void_) return "void";
  if (!is_tagged(type)) return type.name.empty() ? "?" : type.name;
  std::string name{keyword(type)};
  name += ' ';
  name += type.name.empty() ? "{...}" : type.name;
  return name;
}

}  // namespace

TypeId Catalog::strip(TypeId id) const {
  for (int depth = 0; depth < kDepthMax && types[id].kind == Kind::typedef_; ++depth) id = types[id].target;
  return id;
}

TypeId Catalog::find(std::string_view name) const {
  constexpr std::array<std::pair<std::string_view, Kind>, 4> kTags{{
      {"struct ", Kind::record},
      {"union ", Kind::record},
      {"class ", Kind::record},
      {"enum ", Kind::enumeration},
  }};
  std::string_view wanted_keyword;
  for (const auto& [tag, kind] : kTags) {
    if (!name.starts_with(tag)) continue;
    wanted_keyword = tag.substr(0, tag.size() - 1);
    name.remove_prefix(tag.size());
    break;
  }
  while (name.starts_with(' ')) name.remove_prefix(1);
  if (name.starts_with("::")) name.remove_prefix(2);
  if (name.empty()) return 0;

  // C++ lets "struct" and "class" stand for each other.
  const auto fits = [&](const Type& type) {
    if (type.name != name) return false;
    if (wanted_keyword.empty()) return is_tagged(type) || type.kind == Kind::typedef_;
    if (!is_tagged(type)) return false;
    const auto plain = [](std::string_view word) {
      return word == "class" ? std::string_view{"struct"} : word;
    };
    return plain(keyword(type)) == plain(wanted_keyword);
  };
  TypeId declaration = 0;
  TypeId record = 0;
  for (TypeId id = 1; id < types.size(); ++id) {
    if (!fits(types[id])) continue;
    // `typedef struct tcp_pcb tcp_pcb` names one thing twice; with two different things of one name
    // the typedef is what C means by the bare word.
    if (types[id].kind == Kind::typedef_) return id;
    if (types[id].is_declaration) {
      if (declaration == 0) declaration = id;
    } else if (record == 0) {
      record = id;
    }
  }
  return record != 0 ? record : declaration;
}

// Works outwards from the name, as a C declarator is read: pointers to the left, arrays and functions to
// the right, parentheses where a pointer meets one of those.
std::string Catalog::spelling(TypeId id, std::string_view name) const {
  std::string declarator{name};
  bool after_pointer = false;
  for (int depth = 0; depth < kDepthMax; ++depth) {
    const Type& type = types[id];
    const bool unnamed_typedef = type.kind == Kind::typedef_ && type.name.empty();
    if (type.kind == Kind::pointer) {
      declarator.insert(0, type.name.starts_with('&') ? type.name : "*");
      after_pointer = true;
    } else if (type.kind == Kind::array || type.kind == Kind::function) {
      if (after_pointer) declarator = "(" + declarator + ")";
      after_pointer = false;
      if (type.kind == Kind::function) {
        declarator += "()";
      } else {
        declarator += type.is_flexible ? "[]" : "[" + std::to_string(type.count) + "]";
      }
    } else if (!unnamed_typedef) {
      break;
    }
    id = type.target;
  }
  std::string text = base_name(types[id]);
  if (!declarator.empty()) text += " " + declarator;
  return text;
}

}  // namespace vmitap::types
