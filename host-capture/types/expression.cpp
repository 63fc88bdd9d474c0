// SPDX-License-Identifier: MIT
#include "types/expression.hpp"

#include <cctype>
#include <charconv>
#include <vector>

#include "base/nearest.hpp"

namespace vmitap::types {
namespace {

constexpr std::uint64_t kValueMax = std::uint64_t{1} << 20;

// A place in the guest, as the expression leads to it step by step.
struct Place {
  std::shared_ptr<const Catalog> catalog;
  TypeId type = 0;
  vmitap_fetch fetch{};
  std::uint32_t bit_offset = 0;
  std::uint32_t bit_size = 0;
  std::optional<std::uint64_t> elements;
};

class Parser {
 public:
  Parser(std::string_view text, const Scope& scope) : text_(text), scope_(scope) {}

  Result<Place> parse() {
    auto place = unary(0);
    if (!place) return place;
    space();
    if (at_ < text_.size()) return bad("the end, '.', '->' or '['");
    return place;
  }

 private:
  static constexpr int kDepthMax = 64;

  Result<Place> unary(int depth) {
    if (depth > kDepthMax) return bad("fewer nested operators");
    space();
    if (take("*")) {
      auto place = unary(depth + 1);
      if (!place) return place;
      return dereference(*std::move(place), 0);
    }
    const std::size_t start = at_;
    if (take("(")) {
      if (auto cast_type = type_name()) {
        const std::size_t type_end = at_;
        auto place = unary(depth + 1);
        if (!place) return place;
        return cast(*std::move(place), *cast_type, start, type_end);
      }
      auto place = unary(depth + 1);
      if (!place) return place;
      space();
      if (!take(")")) return bad("')'");
      return postfix(*std::move(place));
    }
    auto place = name();
    if (!place) return place;
    return postfix(*std::move(place));
  }

  // Behind '(': "struct tcp_pcb *)" or "tcp_pcb *)". Nothing is taken if it is no cast.
  struct CastType {
    std::shared_ptr<const Catalog> catalog;
    TypeId type = 0;
    int pointers = 0;
  };
  std::optional<CastType> type_name() {
    const std::size_t close = text_.find(')', at_);
    if (close == std::string_view::npos) return std::nullopt;
    std::string_view spelled = text_.substr(at_, close - at_);
    CastType result;
    while (!spelled.empty() &&
           (spelled.back() == '*' || std::isspace(static_cast<unsigned char>(spelled.back())) != 0)) {
      result.pointers += spelled.back() == '*';
      spelled.remove_suffix(1);
    }
    while (!spelled.empty() && std::isspace(static_cast<unsigned char>(spelled.front())) != 0)
      spelled.remove_prefix(1);
    if (result.pointers == 0 || spelled.empty()) return std::nullopt;
    for (const LoadedObject& object : objects_in_order()) {
      const TypeId found = object.catalog->find(spelled);
      if (found == 0) continue;
      result.catalog = object.catalog;
      result.type = found;
      at_ = close + 1;
      return result;
    }
    return std::nullopt;
  }

  // Only the type changes: a pointer's value stays where it is. The pointer types themselves need not exist
  // in the catalog, so a cast place remembers how many pointers stand before the type.
  Result<Place> cast(Place place, const CastType& to, std::size_t start, std::size_t) {
    const Type& from = (*place.catalog)[place.catalog->strip(place.type)];
    if (place.bit_size > 0 || from.size != 8 || (from.kind != Kind::pointer && from.kind != Kind::integer))
      return bad_at(start, "a pointer or a 64-bit integer behind a cast");
    place.catalog = to.catalog;
    place.type = to.type;
    cast_pointers_ = to.pointers;
    return place;
  }

  Result<Place> name() {
    space();
    if (auto argument = argument_as_written()) return *std::move(argument);
    const std::size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '_' || text_[at_] == '$' || text_.substr(at_, 2) == "::" ||
                                  (at_ > start && text_.substr(at_ - 1, 2) == "::")))
      ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (word.empty() || std::isdigit(static_cast<unsigned char>(word[0])) != 0)
      return bad_at(start, "the name of a mark or an argument");
    if (word.starts_with("arg") && scope_.site != nullptr) {
      std::size_t position = 0;
      const auto parsed = std::from_chars(word.data() + 3, word.data() + word.size(), position);
      if (parsed.ec == std::errc() && parsed.ptr == word.data() + word.size() && position >= 1 &&
          position <= scope_.site->arguments.size())
        return argument(scope_.site->arguments[position - 1]);
    }
    for (const LoadedObject& object : objects_in_order())
      for (const Mark& mark : object.catalog->marks)
        if (mark.name == word) return marked(object, mark);
    return unknown(word);
  }

  // An argument such as `seg->len` is named by its whole text; the longest that fits wins.
  std::optional<Place> argument_as_written() {
    if (scope_.site == nullptr) return std::nullopt;
    const Argument* best = nullptr;
    for (const Argument& candidate : scope_.site->arguments) {
      if (candidate.name.empty() || !text_.substr(at_).starts_with(candidate.name)) continue;
      const std::size_t end = at_ + candidate.name.size();
      const bool whole = end >= text_.size() ||
                         (std::isalnum(static_cast<unsigned char>(text_[end])) == 0 && text_[end] != '_');
      if (whole && (best == nullptr || best->name.size() < candidate.name.size())) best = &candidate;
    }
    if (best == nullptr) return std::nullopt;
    at_ += best->name.size();
    return argument(*best);
  }

  Place argument(const Argument& argument) {
    Place place;
    place.catalog = scope_.site_object->catalog;
    place.type = argument.type;
    place.fetch.base = VMITAP_FETCH_ARGUMENT;
    place.fetch.origin = argument.offset;
    return place;
  }

  static Place marked(const LoadedObject& object, const Mark& mark) {
    Place place;
    place.catalog = object.catalog;
    place.type = mark.type;
    place.fetch.base = VMITAP_FETCH_ADDRESS;
    place.fetch.origin = mark.variable.value + object.load_bias;
    return place;
  }

  Result<Place> postfix(Place place) {
    for (;;) {
      space();
      if (take("->")) {
        auto pointed = dereference(std::move(place), 2);
        if (!pointed) return pointed;
        auto member = this->member(*std::move(pointed));
        if (!member) return member;
        place = *std::move(member);
      } else if (take(".")) {
        auto member = this->member(std::move(place));
        if (!member) return member;
        place = *std::move(member);
      } else if (take("[")) {
        auto element = index(std::move(place));
        if (!element) return element;
        place = *std::move(element);
      } else {
        return place;
      }
    }
  }

  Result<Place> dereference(Place place, std::size_t operator_size) {
    const std::size_t column = at_ - std::min(at_, operator_size);
    if (place.elements) return bad_at(column, "no operator behind a slice");
    TypeId target = 0;
    if (cast_pointers_ > 0) {
      --cast_pointers_;
      target = place.type;
    } else {
      const Type& type = (*place.catalog)[place.catalog->strip(place.type)];
      if (type.kind == Kind::array) {
        place.type = type.target;  // an array stands for its first element
        return place;
      }
      if (type.kind != Kind::pointer)
        return bad_at(column, "a pointer, and this is of type " + place.catalog->spelling(place.type));
      target = type.target;
    }
    if (place.fetch.hops == VMITAP_FETCH_HOPS_MAX)
      return fail({.code = Errc::too_large,
                   .operation = "resolve",
                   .subject = "the number of pointers in " + std::string(text_),
                   .number = VMITAP_FETCH_HOPS_MAX});
    place.fetch.add[place.fetch.hops++] = 0;
    place.type = target;
    return place;
  }

  // Moves within what the place already reaches.
  static void advance(Place& place, std::uint64_t bytes) {
    if (place.fetch.hops == 0) {
      place.fetch.origin += bytes;
    } else {
      place.fetch.add[place.fetch.hops - 1] += static_cast<std::int64_t>(bytes);
    }
  }

  Result<Place> member(Place place) {
    space();
    const std::size_t start = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    const std::string_view name = text_.substr(start, at_ - start);
    if (name.empty()) return bad_at(start, "the name of a member");
    if (place.elements || cast_pointers_ > 0)
      return bad_at(start, "a struct, and this is a pointer or a slice");
    const Catalog& catalog = *place.catalog;
    const TypeId record = catalog.strip(place.type);
    if (catalog[record].kind != Kind::record) {
      const bool pointer = catalog[record].kind == Kind::pointer;
      return bad_at(
          start, (pointer ? "'->' instead of '.', as this is of type " : "a struct, and this is of type ") +
                     catalog.spelling(place.type));
    }
    std::vector<std::string_view> names;
    if (const auto found = find_member(catalog, record, name, 0, names, 0)) {
      advance(place, found->byte_offset);
      place.type = found->member->type;
      if (found->member->bit_size > 0) {
        const std::uint64_t first = found->member->bit_offset / 8;
        advance(place, first);
        place.bit_offset = static_cast<std::uint32_t>(found->member->bit_offset % 8);
        place.bit_size = found->member->bit_size;
      } else {
        advance(place, found->member->offset);
      }
      return place;
    }
    return fail({.code = Errc::unknown_name,
                 .operation = "resolve",
                 .subject = std::string(name) + " in " + catalog.spelling(place.type),
                 .number = start + 1,
                 .hint = nearest(name, names)});
  }

  struct Found {
    const Member* member;
    std::uint64_t byte_offset;  // of the record that holds it
  };
  // Members of anonymous members and of bases are found as the record's own.
  static std::optional<Found> find_member(const Catalog& catalog, TypeId record, std::string_view name,
                                          std::uint64_t base, std::vector<std::string_view>& names,
                                          int depth) {
    if (depth > kDepthMax) return std::nullopt;
    for (const Member& member : catalog[record].members) {
      if (member.name == name && !member.is_virtual_base) return Found{&member, base};
      if (!member.name.empty()) names.push_back(member.name);
    }
    for (const Member& member : catalog[record].members) {
      if ((!member.name.empty() && !member.is_base) || member.is_virtual_base) continue;
      const TypeId inner = catalog.strip(member.type);
      if (catalog[inner].kind != Kind::record) continue;
      if (auto found = find_member(catalog, inner, name, base + member.offset, names, depth + 1))
        return found;
    }
    return std::nullopt;
  }

  Result<Place> index(Place place) {
    const std::size_t start = at_;
    const auto first = number();
    std::optional<std::uint64_t> end;
    space();
    if (take(":")) {
      end = number();
      if (!end) return bad("the end of the slice, as in [0:4]");
    }
    space();
    if ((!first && !end) || !take("]")) return bad("a constant index, as in [3] or [0:4]");
    const std::uint64_t from = first.value_or(0);
    if (end && *end <= from) return bad_at(start, "a slice that ends behind its begin");
    if (place.elements) return bad_at(start, "no index behind a slice");

    const Catalog& catalog = *place.catalog;
    const Type type = catalog[catalog.strip(place.type)];
    TypeId element = 0;
    if (cast_pointers_ == 0 && type.kind == Kind::array) {
      element = type.target;
      if (!type.is_flexible && (end ? *end > type.count : from >= type.count))
        return bad_at(start, "an index below " + std::to_string(type.count));
    } else {
      auto pointed = dereference(std::move(place), 1);
      if (!pointed) return pointed;
      place = *std::move(pointed);
      element = place.type;
    }
    const std::uint64_t size = cast_pointers_ > 0 ? 8 : catalog[catalog.strip(element)].size;
    if (size == 0) return bad_at(start, "a complete type behind the pointer or in the array");
    if (from > kIndexMax || (end && *end - from > kValueMax / size))
      return fail({.code = Errc::too_large,
                   .operation = "resolve",
                   .subject = std::string(text_),
                   .number = kValueMax});
    advance(place, from * size);
    place.type = element;
    if (end) place.elements = *end - from;
    return place;
  }

  std::optional<std::uint64_t> number() {
    space();
    std::string_view rest = text_.substr(at_);
    const int base = rest.starts_with("0x") ? 16 : 10;
    const std::size_t prefix = base == 16 ? 2 : 0;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest.data() + prefix, rest.data() + rest.size(), value, base);
    if (error != std::errc()) return std::nullopt;
    at_ += static_cast<std::size_t>(end - rest.data());
    return value;
  }

  std::vector<LoadedObject> objects_in_order() const {
    std::vector<LoadedObject> objects;
    if (scope_.site_object != nullptr) objects.push_back(*scope_.site_object);
    for (const LoadedObject& object : scope_.objects)
      if (scope_.site_object == nullptr || object.catalog != scope_.site_object->catalog)
        objects.push_back(object);
    return objects;
  }

  tl::unexpected<Error> unknown(std::string_view word) const {
    std::vector<std::string_view> names;
    if (scope_.site != nullptr)
      for (const Argument& argument : scope_.site->arguments) names.push_back(argument.name);
    for (const LoadedObject& object : scope_.objects)
      for (const Mark& mark : object.catalog->marks) names.push_back(mark.name);
    return fail({.code = Errc::unknown_name,
                 .operation = "resolve",
                 .subject = std::string(word),
                 .hint = nearest(word, names)});
  }

  tl::unexpected<Error> bad(std::string expected) const { return bad_at(at_, std::move(expected)); }
  tl::unexpected<Error> bad_at(std::size_t column, std::string expected) const {
    return fail({.code = Errc::bad_expression,
                 .operation = "resolve",
                 .subject = std::string(text_),
                 .number = column + 1,
                 .hint = std::move(expected)});
  }

  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  static constexpr std::uint64_t kIndexMax = std::uint64_t{1} << 32;

  std::string_view text_;
  const Scope& scope_;
  std::size_t at_ = 0;
  int cast_pointers_ = 0;

 public:
  [[nodiscard]] int cast_pointers() const { return cast_pointers_; }
};

}  // namespace

Result<Value> resolve(std::string_view expression, const Scope& scope) {
  Parser parser(expression, scope);
  auto place = parser.parse();
  if (!place) return fail(std::move(place.error()));
  const Type& type = (*place->catalog)[place->catalog->strip(place->type)];
  if (parser.cast_pointers() > 0 || (type.kind == Kind::record && type.is_declaration) ||
      type.kind == Kind::void_ || type.kind == Kind::function)
    return fail({.code = Errc::bad_expression,
                 .operation = "resolve",
                 .subject = std::string(expression),
                 .number = expression.size() + 1,
                 .hint = "something whose type is complete, and " + place->catalog->spelling(place->type) +
                         " is not"});
  if (type.is_flexible)
    return fail(
        {.code = Errc::bad_expression,
         .operation = "resolve",
         .subject = std::string(expression),
         .number = expression.size() + 1,
         .hint = "how many elements of a flexible array, as in " + std::string(expression) + "[0:4]"});
  std::uint64_t size = type.size * place->elements.value_or(1);
  if (place->bit_size > 0) size = (place->bit_offset + place->bit_size + 7) / 8;
  if (size > kValueMax)
    return fail({.code = Errc::too_large,
                 .operation = "resolve",
                 .subject = std::string(expression),
                 .number = kValueMax});
  place->fetch.size = static_cast<std::uint32_t>(size);
  return Value{.expression = std::string(expression),
               .catalog = place->catalog,
               .type = place->type,
               .elements = place->elements,
               .fetch = place->fetch,
               .bit_offset = place->bit_offset,
               .bit_size = place->bit_size};
}

}  // namespace vmitap::types
