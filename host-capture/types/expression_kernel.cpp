// SPDX-License-Identifier: MIT
#include "types/expression_kernel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "types/expression_cast.hpp"
#include "types/per_cpu.hpp"

namespace vmitap::types {
namespace {

// Candidates that an error names.
constexpr std::size_t kCandidatesMax = 4;

std::optional<std::uint64_t> hexadecimal(std::string_view digits) {
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
  return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

class KernelParser {
 public:
  KernelParser(Kernel& kernel, std::string_view text, std::span<const Token> tokens)
      : kernel_(kernel), text_(text), tokens_(tokens) {}

  Result<KernelPlace> run() {
    kernel_.reopen();
    at_ = 2;  // kernel:
    auto symbol = read_symbol();
    if (!symbol) return fail(std::move(symbol.error()));
    auto address = read_cpu(*symbol);
    if (!address) return fail(std::move(address.error()));
    auto type = token().is(":") ? read_type() : type_of(*symbol);
    if (!type) return fail(std::move(type.error()));
    return KernelPlace{.address = *address, .type = *type, .tokens = at_};
  }

 private:
  [[nodiscard]] const Token& token() const { return tokens_[at_]; }
  [[nodiscard]] tl::unexpected<Error> bad(const Token& where, std::string expected) const {
    return fail({.code = Errc::bad_expression,
                 .subject = std::string(text_),
                 .number = where.column,
                 .hint = std::move(expected)});
  }

  Result<KernelSymbols::Symbol> read_symbol() {
    const Token& name = token();
    ++at_;
    if (name.kind == Token::Kind::number && (name.text.starts_with("0x") || name.text.starts_with("0X"))) {
      if (const auto address = hexadecimal(name.text.substr(2))) {
        return KernelSymbols::Symbol{.name = name.text, .address = *address};
      }
    }
    if (name.kind != Token::Kind::name && name.kind != Token::Kind::quoted) {
      return bad(name, "a symbol of the kernel, or an address such as 0xffffffff81000000");
    }
    const auto found = kernel_.symbols().named(name.text);
    if (found.empty()) {
      return fail({.code = Errc::unknown_name,
                   .operation = "among the kernel's symbols",
                   .subject = std::string(name.text),
                   .number = name.column,
                   .hint = kernel_.symbols().nearest_to(name.text)});
    }
    std::vector<std::uint64_t> addresses;
    for (const KernelSymbols::Symbol& symbol : found)
      if (addresses.size() < kCandidatesMax &&
          std::ranges::find(addresses, symbol.address) == addresses.end())
        addresses.push_back(symbol.address);
    if (addresses.size() == 1) return found[0];
    std::string candidates;
    for (const std::uint64_t address : addresses)
      candidates += fmt::format("{}kernel:{:#x}", candidates.empty() ? "" : ", ", address);
    return fail({.code = Errc::ambiguous_name, .subject = std::string(name.text), .hint = candidates});
  }

  // The address, of a per-CPU variable that of one CPU.
  Result<std::uint64_t> read_cpu(const KernelSymbols::Symbol& symbol) {
    const bool is_per_cpu = kernel_.is_per_cpu(symbol);
    const bool has_cpu = names_cpu(tokens_.subspan(at_));
    if (!has_cpu && !is_per_cpu) return symbol.address;
    if (!has_cpu) return cpu_is_missing(text_, token(), fmt::format("kernel:{}", symbol.name));
    if (!is_per_cpu) {
      return bad(tokens_[at_ + 1], "no CPU: " + printable(symbol.name) + " is no per-CPU variable");
    }
    const auto cpu = types::read_cpu(text_, tokens_.subspan(at_), kernel_.cpus());
    if (!cpu) return fail(Error(cpu.error()));
    at_ += kCpuTokens;
    return kernel_.per_cpu_address(symbol.address, *cpu);
  }

  Result<PointedType> type_of(const KernelSymbols::Symbol& symbol) {
    if (const auto type = kernel_.btf().per_cpu_variable(symbol.name)) {
      const TypeId id = kernel_.admit(*type);
      return PointedType{kernel_.catalog().get(), id, 0};
    }
    return bad(token(), fmt::format("':' and a type, which the kernel tells only of per-CPU variables: "
                                    "kernel:{}:unsigned long",
                                    printable(symbol.name)));
  }

  // : TYPE, of which `[4]` is a part right behind it, while `[0:4]` is not.
  Result<PointedType> read_type() {
    ++at_;
    const std::size_t begin = at_;
    if (token().kind != Token::Kind::name)
      return bad(token(), "a type: struct task_struct, unsigned long, u8[6]");
    while (token().kind == Token::Kind::name || token().is("*")) ++at_;
    const auto named = find_kernel_type(kernel_, tokens_.subspan(begin, at_ - begin));
    if (!named) return fail(Error(named.error()));
    TypeId type = named->id;
    for (unsigned i = 0; i < named->pointers; ++i) type = kernel_.pointer_to(type);

    std::vector<std::uint64_t> counts;
    while (token().is("[") && tokens_[at_ + 1].kind == Token::Kind::number && tokens_[at_ + 2].is("]")) {
      const auto count = number(tokens_[at_ + 1].text);
      if (!count || *count == 0) return bad(tokens_[at_ + 1], "a number of elements");
      counts.push_back(static_cast<std::uint64_t>(*count));
      at_ += 3;
    }
    for (auto count = counts.rbegin(); count != counts.rend(); ++count) {
      if ((*kernel_.catalog())[type].size == 0) {
        return bad(tokens_[begin], "elements that have a size, and not " + kernel_.catalog()->spelling(type));
      }
      type = kernel_.array_of(type, *count);
    }
    return PointedType{kernel_.catalog().get(), type, 0};
  }

  Kernel& kernel_;
  std::string_view text_;
  std::span<const Token> tokens_;  // Token::Kind::end is the last
  std::size_t at_ = 0;
};

}  // namespace

bool names_kernel(std::span<const Token> tokens) {
  return tokens.size() >= 2 && tokens[0].kind == Token::Kind::name && tokens[0].text == "kernel" &&
         tokens[1].is(":");
}

Result<KernelPlace> find_in_kernel(Kernel& kernel, std::string_view text, std::span<const Token> tokens) {
  return KernelParser{kernel, text, tokens}.run();
}

Result<PointedType> find_kernel_type(Kernel& kernel, std::span<const Token> tokens) {
  const TypeName name = type_name(tokens);
  if (name.basic.empty()) {
    kernel.admit(name.bare);
  } else if (const auto number = kernel.btf().number_where(
                 [&](std::string_view other) { return is_basic_type(other, name.basic); })) {
    kernel.admit(*number);
  }
  auto found = find_type(*kernel.catalog(), tokens);
  if (!found && found.error().code == Errc::unknown_name) {
    found.error().operation = "among the kernel's types";
    found.error().hint = printable(nearest(name.bare, kernel.btf().type_names()));
  }
  return found;
}

Result<std::shared_ptr<const Catalog>> of_kernel(Kernel& kernel, std::string_view type) {
  kernel.reopen();
  std::vector<Token> tokens = tokenize(type);
  tokens.pop_back();
  if (auto found = find_kernel_type(kernel, tokens); !found) return fail(std::move(found.error()));
  return kernel.publish();
}

}  // namespace vmitap::types
