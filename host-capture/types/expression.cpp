// SPDX-License-Identifier: MIT
// Recursive descent; each rule resolves what it has read at once.
#include "types/expression.hpp"

#include <utility>

#include "types/expression_cast.hpp"
#include "types/expression_kernel.hpp"
#include "types/expression_members.hpp"
#include "types/expression_names.hpp"
#include "types/expression_place.hpp"
#include "types/expression_tokens.hpp"
#include "types/per_cpu.hpp"

namespace vmitap::types {
namespace {

constexpr std::size_t kTextMax = 4096;
constexpr int kDepthMax = 64;

// What has been read so far stands for.
struct Term {
  std::shared_ptr<const Catalog> catalog;
  Place place;
  PointedType type;
  bool is_address = false;  // the address of what stands at `place`, of this type
  std::uint64_t bit_offset = 0;
  std::uint32_t bit_size = 0;
  std::optional<std::uint64_t> elements;
};

class Parser {
 public:
  Parser(std::string_view text, const Scope& scope)
      : text_(text), scope_(scope), names_(scope), tokens_(tokenize(text)) {}

  Result<Value> run() {
    if (text_.size() > kTextMax)
      return fail({.code = Errc::too_large,
                   .subject = "the number of characters of an expression",
                   .number = kTextMax});
    auto term = group(tokens_.size() - 1);
    if (!term) return tl::unexpected(std::move(term.error()));
    return finish(*term);
  }

 private:
  using Terms = Result<Term>;

  [[nodiscard]] const Token& token() const { return tokens_[at_]; }
  bool accept(std::string_view sign) {
    if (!token().is(sign)) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] std::span<const Token> tokens(std::size_t from, std::size_t to) const {
    return std::span{tokens_}.subspan(from, to - from);
  }
  [[nodiscard]] tl::unexpected<Error> bad(const Token& where, std::string expected) const {
    return fail({.code = Errc::bad_expression,
                 .subject = std::string(text_),
                 .number = where.column,
                 .hint = std::move(expected)});
  }
  [[nodiscard]] tl::unexpected<Error> too_far(const Token& where) const {
    return bad(where, "a place that is within the arguments or the address space");
  }

  // All up to token `end`, which is the closing parenthesis or the end of the text.
  Terms group(std::size_t end) {
    const auto root = names_.whole(tokens(at_, end));
    if (!root) return tl::unexpected(root.error());
    if (*root != nullptr) {
      const Token& name = token();
      at_ = end;
      return start(**root, name);
    }
    auto term = unary();
    if (term && at_ != end) return bad(token(), "an operator ('.', '->', '[') or the end");
    return term;
  }

  Terms unary() {
    if (++depth_ > kDepthMax) return bad(token(), "less nesting");
    Terms term = unary_at(token());
    --depth_;
    return term;
  }

  Terms unary_at(const Token& first) {
    if (accept("*")) {
      auto term = unary();
      return term ? follow(std::move(*term), first) : std::move(term);
    }
    if (accept("&")) {
      auto term = unary();
      return term ? address_of(std::move(*term), first) : std::move(term);
    }
    if (!first.is("(")) return postfix();
    const std::size_t begin = at_ + 1;
    const std::size_t end = closing(at_);
    if (end == 0) return bad(first, "a closing parenthesis to this one");
    if (!is_cast(begin, end)) return postfix();
    at_ = end + 1;
    auto term = unary();
    return term ? cast(std::move(*term), tokens(begin, end)) : std::move(term);
  }

  // The parenthesis that closes that at token `open`; 0 if none does.
  [[nodiscard]] std::size_t closing(std::size_t open) const {
    std::size_t depth = 0;
    for (std::size_t i = open; i < tokens_.size(); ++i) {
      if (tokens_[i].is("(")) ++depth;
      if (tokens_[i].is(")") && --depth == 0) return i;
    }
    return 0;
  }

  [[nodiscard]] bool is_cast(std::size_t begin, std::size_t end) const {
    const auto inside = tokens(begin, end);
    if (is_type_name(inside)) return true;
    const Token& next = tokens_[end + 1];
    const bool has_operand = next.kind == Token::Kind::name || next.kind == Token::Kind::quoted ||
                             next.is("(") || next.is("*") || next.is("&");
    return has_operand && !inside.empty() && inside[0].kind == Token::Kind::name;
  }

  Terms postfix() {
    auto term = primary();
    while (term) {
      const Token& sign = token();
      if (accept(".")) {
        term = member(std::move(*term), sign);
      } else if (accept("->")) {
        if (!term->is_address && term->type.kind() == Kind::record) {
          return bad(sign, "'.', as what stands before it is no pointer");
        }
        auto record = follow(std::move(*term), sign);
        term = record ? member(std::move(*record), sign) : std::move(record);
      } else if (accept("[")) {
        term = subscript(std::move(*term), sign);
      } else {
        break;
      }
    }
    return term;
  }

  Terms primary() {
    const Token& first = token();
    if (accept("(")) {
      const std::size_t end = closing(at_ - 1);
      if (end == 0) return bad(first, "a closing parenthesis to this one");
      auto term = group(end);
      if (term) ++at_;
      return term;
    }
    if (names_kernel(tokens(at_, tokens_.size()))) return kernel_place(first);
    if (first.kind == Token::Kind::quoted) {
      ++at_;
      if (!accept("::")) return bad(token(), "'::' and the name of a mark");
      const auto root = names_.in_file(first.text, tokens(at_, tokens_.size()));
      return start_at(root, token());
    }
    if (first.kind != Token::Kind::name && !first.is("::")) return bad(first, "a name");
    accept("::");
    const auto root = names_.longest(tokens(at_, tokens_.size()));
    return start_at(root, token());
  }

  Terms kernel_place(const Token& first) {
    if (scope_.kernel == nullptr) {
      return fail({.code = Errc::unsupported,
                   .subject = "kernel: of a guest whose kernel was not read",
                   .number = first.column});
    }
    auto found = find_in_kernel(*scope_.kernel, text_, tokens(at_, tokens_.size()));
    if (!found) return tl::unexpected(std::move(found.error()));
    at_ += found->tokens;
    Term term;
    term.catalog = scope_.kernel->catalog();
    term.place = Place::at_address(found->address);
    term.type = found->type;
    return term;
  }

  // Of a kernel, records are read when somebody goes there.
  void complete(const Term& term, const PointedType& type) const {
    if (is_of_kernel(term) && type.pointers == 0) scope_.kernel->complete(type.id);
  }
  [[nodiscard]] bool is_of_kernel(const Term& term) const {
    return scope_.kernel != nullptr && term.catalog == scope_.kernel->catalog();
  }

  Terms start_at(const Result<const RootName*>& found, const Token& first) {
    if (!found) return tl::unexpected(found.error());
    const RootName* root = *found;
    if (root != nullptr) {
      at_ += root->tokens.size();
      return start(*root, first);
    }
    if (first.kind != Token::Kind::name) return bad(first, "a name");
    root = names_.by_position(first.text);
    if (root != nullptr) {
      ++at_;
      return start(*root, first);
    }
    const std::string name = qualified_name();
    return fail({.code = Errc::unknown_name,
                 .operation = scope_.site != nullptr
                                  ? "among the trigger's arguments and the marks"
                                  : "among the marks (a timer, or you by hand, bring no arguments)",
                 .subject = name,
                 .number = first.column,
                 .hint = names_.nearest_to(name)});
  }

  Terms start(const RootName& root, const Token& where) {
    Term term;
    term.catalog = root.object->catalog;
    if (root.argument != nullptr) {
      term.place = Place::in_arguments(root.argument->offset, scope_.site->arguments_size);
      term.type = {term.catalog.get(), root.argument->type, 0};
    } else if (root.address != 0) {
      const auto offset = root.mark->per_cpu ? cpu_offset(root.mark->name) : std::uint64_t{0};
      if (!offset) return tl::unexpected(offset.error());
      term.place = Place::at_address(root.address + *offset);
      term.type = {term.catalog.get(), root.mark->type, 0};
    } else {
      return fail(
          {.code = Errc::unsupported,
           .subject = "the mark " + root.mark->name + ", whose address only the running guest knows"});
    }
    return through_references(std::move(term), where);
  }

  // [cpuN] behind the name of a mark.
  Result<std::uint64_t> cpu_offset(std::string_view name) {
    if (!names_cpu(tokens(at_, tokens_.size()))) return cpu_is_missing(text_, token(), name);
    const auto cpu = read_cpu(text_, tokens(at_, tokens_.size()), scope_.per_cpu_offsets.size());
    if (!cpu) return tl::unexpected(cpu.error());
    at_ += kCpuTokens;
    return scope_.per_cpu_offsets[*cpu];
  }

  // name { '::' name }; empty if there is none.
  std::string qualified_name() {
    std::string name;
    while (token().kind == Token::Kind::name) {
      name += token().text;
      ++at_;
      if (!token().is("::") || tokens_[at_ + 1].kind != Token::Kind::name) break;
      name += "::";
      ++at_;
    }
    return name;
  }

  Terms member(Term term, const Token& sign) {
    const Token& first = token();
    const std::string name = qualified_name();
    if (name.empty()) return bad(first, "the name of a member");
    if (term.elements) return bad(sign, "the end, as [a:b] takes several elements");
    if (term.is_address || term.type.kind() == Kind::pointer) {
      return bad(sign, "'->', as what stands before it is a pointer");
    }
    if (term.type.kind() != Kind::record) {
      return bad(sign, "a struct, union or class before it, and not " + term.type.spelling());
    }
    complete(term, term.type);
    if (term.type.type().is_declaration) return incomplete(term.type, sign);
    const TypeId record = term.catalog->strip(term.type.id);
    auto found = find_member(*term.catalog, record, name);
    if (!found) {
      found.error().number = first.column;
      return tl::unexpected(std::move(found.error()));
    }
    const Member& member = *found->member;
    std::uint64_t offset = found->record_offset;
    if (member.bit_size != 0) {
      offset += member.bit_offset / 8;
      term.bit_offset = member.bit_offset % 8;
      term.bit_size = member.bit_size;
    } else {
      offset += member.offset;
    }
    if (!move(term, offset)) return too_far(first);
    term.type = {term.catalog.get(), member.type, 0};
    return through_references(std::move(term), first);
  }

  Terms subscript(Term term, const Token& sign) {
    const Token& first = token();
    const auto index = signed_number();
    if (!index) return bad(first, "a number, or two with ':' between them ([cpu0] is for per-CPU variables)");
    if (accept(":")) return slice(std::move(term), sign, *index);
    if (!accept("]")) return bad(token(), "']' or ':'");
    if (const auto count = count_of(term); count && (*index < 0 || std::uint64_t(*index) >= *count)) {
      return bad(first, *count == 0 ? "another array: this one has no elements"
                                    : "an index from 0 to " + std::to_string(*count - 1));
    }
    return element(std::move(term), sign, *index);
  }

  Terms slice(Term term, const Token& sign, std::int64_t from) {
    const Token& second = token();
    const auto to = signed_number();
    if (!to) return bad(second, "a number: the index after the last element");
    if (!accept("]")) return bad(token(), "']'");
    if (*to <= from) return bad(second, "a number greater than the one before ':'");
    const auto count = count_of(term);
    if (count && (from < 0 || std::uint64_t(*to) > *count)) {
      return bad(sign, "a slice within [0:" + std::to_string(*count) + "]");
    }
    auto first = element(std::move(term), sign, from);
    if (first) first->elements = std::uint64_t(*to) - std::uint64_t(from);
    return first;
  }

  // Elements of an array; nothing if it does not say, or is none.
  static std::optional<std::uint64_t> count_of(const Term& term) {
    if (term.is_address || term.type.kind() != Kind::array || term.type.type().is_flexible)
      return std::nullopt;
    return term.type.type().count;
  }

  std::optional<std::int64_t> signed_number() {
    const bool is_negative = accept("-");
    if (token().kind != Token::Kind::number) return std::nullopt;
    const auto value = number(token().text);
    if (!value) return std::nullopt;
    ++at_;
    return is_negative ? -*value : *value;
  }

  Terms element(Term term, const Token& sign, std::int64_t index) {
    if (!term.is_address && term.type.kind() == Kind::array && term.type.type().is_flexible && index < 0) {
      return bad(sign, "an index of at least 0");
    }
    auto first = follow(std::move(term), sign);
    if (!first) return first;
    const std::uint64_t size = first->type.size();
    if (size == 0) return bad(sign, "elements that have a size, and not " + first->type.spelling());
    std::int64_t offset = 0;
    if (size > INT64_MAX || __builtin_mul_overflow(index, static_cast<std::int64_t>(size), &offset) ||
        !first->place.move(offset)) {
      return too_far(sign);
    }
    return first;
  }

  // What a pointer points to; of an array its first element.
  Terms follow(Term term, const Token& sign) {
    if (term.elements) return bad(sign, "the end, as [a:b] takes several elements");
    if (term.is_address) {
      term.is_address = false;
      return term;
    }
    const Kind kind = term.type.kind();
    if (kind == Kind::array) {
      term.type = term.type.target();
      return through_references(std::move(term), sign);
    }
    if (kind != Kind::pointer) return bad(sign, "a pointer or an array, and not " + term.type.spelling());
    const PointedType target = term.type.target();
    complete(term, target);
    if (is_incomplete(target)) return incomplete(target, sign);
    auto followed = load_pointer(std::move(term), sign);
    if (!followed) return followed;
    followed->type = target;
    return through_references(std::move(*followed), sign);
  }

  Terms load_pointer(Term term, const Token& where) {
    if (!term.place.holds(8)) return too_far(where);
    if (!term.place.follow()) {
      return fail({.code = Errc::too_large,
                   .subject = "the way through the pointers of " + std::string(text_),
                   .number = VMITAP_FETCH_HOPS_MAX});
    }
    return term;
  }

  // A C++ reference stands for what it refers to.
  Terms through_references(Term term, const Token& where) {
    while (term.type.is_reference()) {
      const PointedType target = term.type.target();
      if (is_incomplete(target)) return incomplete(target, where);
      auto followed = load_pointer(std::move(term), where);
      if (!followed) return followed;
      term = std::move(*followed);
      term.type = target;
    }
    return term;
  }

  static bool is_incomplete(const PointedType& type) {
    const Kind kind = type.kind();
    if (kind == Kind::void_ || kind == Kind::function) return true;
    return kind == Kind::record && type.type().is_declaration;
  }

  [[nodiscard]] tl::unexpected<Error> incomplete(const PointedType& type, const Token& where) const {
    return bad(where, "a pointer to something with a size, and not to " + type.spelling() +
                          "; a cast can say what it is: (struct NAME *)pointer");
  }

  Terms address_of(Term term, const Token& sign) {
    if (term.is_address || term.elements || term.bit_size != 0)
      return bad(sign, "something that has an address");
    term.is_address = true;
    return term;
  }

  Terms cast(Term term, std::span<const Token> name) {
    const auto found = type_named(term, name);
    if (!found) return tl::unexpected(found.error());
    const auto& [catalog, type] = *found;
    if (term.elements) return bad(name[0], "no cast, as [a:b] takes several elements");
    const bool is_array = !term.is_address && term.type.kind() == Kind::array;
    if (type.kind() == Kind::pointer && (term.is_address || is_array)) {
      term.is_address = true;
      term.type = type.target();
    } else {
      if (!can_be(term, type))
        return bad(name[0], "a cast between pointers and integers that keeps or drops bytes");
      term.type = type;
    }
    term.catalog = catalog;
    return term;
  }

  // The same bytes, or the lower of them, can be seen as the other type.
  static bool can_be(const Term& term, const PointedType& type) {
    const auto is_integral = [](Kind kind) {
      return kind == Kind::pointer || kind == Kind::integer || kind == Kind::character ||
             kind == Kind::enumeration;
    };
    if (term.is_address || term.bit_size != 0) return false;
    if (!is_integral(term.type.kind()) || !is_integral(type.kind())) return false;
    return type.size() != 0 && type.size() <= term.type.size();
  }

  // In the catalog of what is cast, or in another's.
  Result<std::pair<std::shared_ptr<const Catalog>, PointedType>> type_named(
      const Term& term, std::span<const Token> name) const {
    const auto own =
        is_of_kernel(term) ? find_kernel_type(*scope_.kernel, name) : find_type(*term.catalog, name);
    if (own) return std::pair{term.catalog, *own};
    for (const LoadedObject& object : scope_.objects) {
      if (object.catalog == nullptr) continue;
      if (const auto other = find_type(*object.catalog, name)) return std::pair{object.catalog, *other};
    }
    return tl::unexpected(own.error());
  }

  static bool move(Term& term, std::uint64_t offset) {
    return offset <= INT64_MAX && term.place.move(static_cast<std::int64_t>(offset));
  }

  Result<Value> finish(const Term& term) const {
    const Token& end = tokens_.back();
    complete(term, term.type);
    if (term.is_address) return bad(tokens_[0], "a value that stands in memory, and not an address of one");
    std::uint64_t size = term.type.size();
    if (term.elements && __builtin_mul_overflow(size, *term.elements, &size)) size = UINT64_MAX;
    if (term.bit_size != 0) size = (term.bit_offset + term.bit_size + 7) / 8;
    if (size == 0) {
      const bool is_flexible = term.type.kind() == Kind::array && term.type.type().is_flexible;
      return bad(end, is_flexible ? "how much of it: [0:16] takes the first 16 elements"
                                  : "something that has a size, and not " + term.type.spelling());
    }
    if (size > kValueMax) {
      return fail({.code = Errc::too_large,
                   .subject = "the size in bytes of " + std::string(text_),
                   .number = kValueMax});
    }
    if (!term.place.holds(size)) return too_far(end);
    Value value;
    value.expression = text_;
    value.elements = term.elements;
    value.fetch = term.place.fetch(size);
    value.bit_offset = static_cast<std::uint32_t>(term.bit_offset);
    value.bit_size = term.bit_size;
    value.catalog = term.catalog;
    value.type = term.type.id;
    add_pointers(term, value);
    return value;
  }

  // The type of a pointer that only a cast made.
  void add_pointers(const Term& term, Value& value) const {
    unsigned pointers = term.type.pointers;
    if (is_of_kernel(term)) {
      for (; pointers != 0; --pointers) value.type = scope_.kernel->pointer_to(value.type);
    }
    if (pointers == 0) return;
    auto catalog = std::make_shared<Catalog>(*value.catalog);
    for (; pointers != 0; --pointers) {
      Type pointer;
      pointer.kind = Kind::pointer;
      pointer.size = 8;
      pointer.target = value.type;
      value.type = static_cast<TypeId>(catalog->types.size());
      catalog->types.push_back(std::move(pointer));
    }
    value.catalog = std::move(catalog);
  }

  std::string_view text_;
  const Scope& scope_;
  RootNames names_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// Somewhere in there begins what is looked for.
bool has(std::string_view expression, bool (*begins)(std::span<const Token>)) {
  const std::vector<Token> tokens = tokenize(expression);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (begins(std::span{tokens}.subspan(i))) return true;
  }
  return false;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

bool needs_kernel(std::string_view expression) { return has(expression, names_kernel); }
bool needs_cpus(std::string_view expression) { return has(expression, names_cpu); }

Result<Value> resolve(std::string_view expression, const Scope& scope) {
  return Parser{trimmed(expression), scope}.run();
}

}  // namespace vmitap::types
