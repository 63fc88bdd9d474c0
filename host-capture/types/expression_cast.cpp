// SPDX-License-Identifier: MIT
#include "types/expression_cast.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/nearest.hpp"
#include "types/expression_kernel.hpp"

namespace vmitap::types {
namespace {

constexpr std::array<std::string_view, 4> kTags{"struct", "union", "class", "enum"};
constexpr std::array<std::string_view, 4> kQualifiers{"const", "volatile", "restrict", "_Atomic"};
constexpr std::array<std::string_view, 12> kBasic{"void",   "_Bool",  "bool",     "char",
                                                  "short",  "int",    "long",     "float",
                                                  "double", "signed", "unsigned", "__int128"};

constexpr std::string_view kVoid = "void ";  // as basic_type() spells it

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_word(const Token& token, const auto& words) {
  return token.kind == Token::Kind::name && contains(words, token.text);
}

// "long unsigned int" and "unsigned long" as one: the words sorted, without those that say nothing.
// Empty if it is no type of the language's own.
std::string basic_type(std::span<const Token> tokens) {
  std::vector<std::string_view> words;
  for (const Token& token : tokens) {
    if (!is_word(token, kBasic)) return {};
    words.push_back(token.text == "bool" ? "_Bool" : token.text);
  }
  const auto has = [&](std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (!has("char")) std::erase(words, "signed");
  if (has("short") || has("long") || has("unsigned")) std::erase(words, "int");
  if (words.empty() && !tokens.empty()) words.emplace_back("int");
  std::sort(words.begin(), words.end());
  std::string text;
  for (const std::string_view word : words) text.append(word).append(" ");
  return text;
}

// As the catalog writes names; of templates, white space does not count.
std::string joined(std::span<const Token> tokens) {
  std::string text;
  bool was_name = false;
  for (const Token& token : tokens) {
    const bool is_name = token.kind == Token::Kind::name;
    if (is_name && was_name) text += ' ';
    text += token.text;
    was_name = is_name;
  }
  return text;
}

std::string without_spaces(std::string_view text) {
  std::string result{text};
  std::erase(result, ' ');
  return result;
}

TypeId find_template(const Catalog& catalog, std::string_view name) {
  const std::string wanted = without_spaces(name);
  for (TypeId id = 1; id < catalog.types.size(); ++id) {
    const Type& type = catalog[id];
    const bool is_named =
        type.kind == Kind::record || type.kind == Kind::enumeration || type.kind == Kind::typedef_;
    if (is_named && !type.is_declaration && without_spaces(type.name) == wanted) return id;
  }
  return 0;
}

}  // namespace

bool is_type_name(std::span<const Token> tokens) {
  if (tokens.empty() || names_kernel(tokens)) return false;
  if (is_word(tokens[0], kTags) || is_word(tokens[0], kQualifiers) || is_word(tokens[0], kBasic)) return true;
  return tokens[0].kind == Token::Kind::name && tokens.back().is("*");
}

TypeName type_name(std::span<const Token> tokens) {
  TypeName result;
  std::vector<Token> name;
  for (const Token& token : tokens) {
    if (is_word(token, kQualifiers)) continue;
    if (token.is("*")) {
      ++result.pointers;
    } else {
      name.push_back(token);
    }
  }
  result.basic = basic_type(name);
  result.text = joined(name);
  if (!name.empty() && is_word(name[0], kTags)) name.erase(name.begin());
  result.bare = joined(name);
  return result;
}

bool is_basic_type(std::string_view name, std::string_view basic) {
  auto words = tokenize(name);
  words.pop_back();
  return basic_type(words) == basic;
}

Result<PointedType> find_type(const Catalog& catalog, std::span<const Token> tokens) {
  const TypeName name = type_name(tokens);
  if (name.basic == kVoid) return PointedType{&catalog, 0, name.pointers};
  if (!name.basic.empty()) {
    for (TypeId id = 1; id < catalog.types.size(); ++id) {
      const Type& type = catalog[id];
      const bool is_scalar = type.kind == Kind::integer || type.kind == Kind::character ||
                             type.kind == Kind::boolean || type.kind == Kind::floating;
      if (is_scalar && is_basic_type(type.name, name.basic)) return PointedType{&catalog, id, name.pointers};
    }
  }
  TypeId id = catalog.find(name.text);
  if (id == 0 && name.text.find('<') != std::string::npos) id = find_template(catalog, name.text);
  if (id != 0) return PointedType{&catalog, id, name.pointers};
  std::vector<std::string_view> known;
  for (const Type& type : catalog.types) {
    if (!type.name.empty() && type.kind != Kind::pointer) known.push_back(type.name);
  }
  return fail({.code = Errc::unknown_name,
               .operation = "among the types of this guest's marks and triggers",
               .subject = name.text,
               .hint = nearest(name.bare, known)});
}

}  // namespace vmitap::types
