// SPDX-License-Identifier: MIT
#include "types/expression_names.hpp"

#include <algorithm>

#include "base/nearest.hpp"

namespace vmitap::types {
namespace {

std::vector<Token> name_tokens(std::string_view name) {
  std::vector<Token> tokens = tokenize(name);
  tokens.pop_back();
  return tokens;
}

bool is_postfix(std::span<const Token> tokens) {
  if (tokens.empty() || tokens[0].kind != Token::Kind::name) return false;
  int depth = 0;
  for (const Token& token : tokens) {
    if (token.is("(") || token.is("[")) {
      ++depth;
    } else if (token.is(")") || token.is("]")) {
      if (--depth < 0) return false;
    } else if (depth == 0 && token.kind != Token::Kind::name && !token.is(".") && !token.is("->") &&
               !token.is("::")) {
      return false;
    }
  }
  return depth == 0;
}

bool starts_with(std::span<const Token> tokens, std::span<const Token> start) {
  return tokens.size() >= start.size() && std::equal(start.begin(), start.end(), tokens.begin());
}

bool is_same(const RootName& a, const RootName& b) {
  if (a.mark == nullptr || b.mark == nullptr) return false;
  return a.address != 0 ? a.address == b.address : a.mark == b.mark;
}

bool names_file(std::string_view path, std::string_view wanted) {
  if (!path.ends_with(wanted) || wanted.empty()) return false;
  return path.size() == wanted.size() || path[path.size() - wanted.size() - 1] == '/';
}

}  // namespace

RootNames::RootNames(const Scope& scope) : scope_(scope) {
  if (scope.site != nullptr && scope.site_object != nullptr) {
    for (const Argument& argument : scope.site->arguments) {
      RootName& name = names_.emplace_back();
      name.object = scope.site_object;
      name.argument = &argument;
      name.tokens = name_tokens(argument.name);
      name.is_postfix = is_postfix(name.tokens);
    }
  }
  if (scope.site_object != nullptr) add_marks(*scope.site_object);
  for (const LoadedObject& object : scope.objects) {
    if (scope.site_object == nullptr ||
        (&object != scope.site_object && (object.catalog != scope.site_object->catalog ||
                                          object.load_bias != scope.site_object->load_bias))) {
      add_marks(object);
    }
  }
}

void RootNames::add_marks(const LoadedObject& object) {
  if (object.catalog == nullptr) return;
  const auto& marks = object.catalog->marks;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    RootName& name = names_.emplace_back();
    name.object = &object;
    name.mark = &marks[i];
    if (i < object.mark_addresses.size()) name.address = object.mark_addresses[i];
    if (name.address == 0 && marks[i].variable.value != 0) {
      name.address = marks[i].variable.value + object.load_bias;
    }
    name.tokens = name_tokens(marks[i].name);
    name.is_postfix = is_postfix(name.tokens);
  }
}

// Of several that were found, in the order of names_.
Result<const RootName*> RootNames::unique(const std::vector<const RootName*>& found) const {
  if (found.empty()) return nullptr;
  const RootName* const first = found[0];
  if (first->argument != nullptr) return first;
  std::string candidates;
  const auto describe = [](const RootName& name) { return "'" + name.mark->file + "'::" + name.mark->name; };
  for (const RootName* other : found) {
    const bool is_hidden = first->object == scope_.site_object && other->object != scope_.site_object;
    if (!is_hidden && !is_same(*first, *other)) candidates += ", " + describe(*other);
  }
  if (candidates.empty()) return first;
  return fail(
      {.code = Errc::ambiguous_name, .subject = first->mark->name, .hint = describe(*first) + candidates});
}

Result<const RootName*> RootNames::whole(std::span<const Token> tokens) const {
  std::vector<const RootName*> found;
  for (const RootName& name : names_) {
    if (!tokens.empty() && std::equal(tokens.begin(), tokens.end(), name.tokens.begin(), name.tokens.end())) {
      found.push_back(&name);
    }
  }
  return unique(found);
}

Result<const RootName*> RootNames::longest(std::span<const Token> tokens) const {
  std::vector<const RootName*> found;
  std::size_t length = 0;
  for (const RootName& name : names_) {
    if (!name.is_postfix || name.tokens.size() < length || !starts_with(tokens, name.tokens)) continue;
    if (name.tokens.size() > length) found.clear();
    length = name.tokens.size();
    found.push_back(&name);
  }
  return unique(found);
}

Result<const RootName*> RootNames::in_file(std::string_view file, std::span<const Token> tokens) const {
  std::vector<const RootName*> found;
  std::size_t length = 0;
  for (const RootName& name : names_) {
    if (name.mark == nullptr || !names_file(name.mark->file, file)) continue;
    if (!name.is_postfix || name.tokens.size() < length || !starts_with(tokens, name.tokens)) continue;
    if (name.tokens.size() > length) found.clear();
    length = name.tokens.size();
    found.push_back(&name);
  }
  return unique(found);
}

const RootName* RootNames::by_position(std::string_view name) const {
  if (!name.starts_with("arg") || scope_.site == nullptr) return nullptr;
  const auto position = number(name.substr(3));
  if (!position || *position < 1) return nullptr;
  const auto index = static_cast<std::size_t>(*position - 1);
  return index < names_.size() && names_[index].argument != nullptr ? &names_[index] : nullptr;
}

std::string RootNames::nearest_to(std::string_view name) const {
  std::vector<std::string_view> known;
  for (const RootName& each : names_) {
    known.push_back(each.argument != nullptr ? std::string_view{each.argument->name} : each.mark->name);
  }
  return nearest(name, known);
}

}  // namespace vmitap::types
