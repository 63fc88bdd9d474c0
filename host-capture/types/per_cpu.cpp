// SPDX-License-Identifier: MIT
#include "types/per_cpu.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "base/printable.hpp"

namespace vmitap::types {
namespace {

constexpr std::uint32_t kCpusMax = 8192;  // the greatest CONFIG_NR_CPUS

tl::unexpected<Error> bad(std::string_view text, const Token& where, std::string expected) {
  return fail({.code = Errc::bad_expression,
               .subject = std::string(text),
               .number = where.column,
               .hint = std::move(expected)});
}

}  // namespace

Result<std::vector<std::uint64_t>> read_per_cpu_offsets(const backend::KernelImage& image,
                                                        const GuestReader& read) {
  std::vector<std::uint64_t> offsets;
  if (image.per_cpu_offset.value == 0) return offsets;
  offsets.resize(std::min(image.cpus, kCpusMax));
  if (!read(image.per_cpu_offset, std::as_writable_bytes(std::span{offsets}))) {
    return fail({.code = Errc::unreadable_memory,
                 .operation = "reading __per_cpu_offset",
                 .address = image.per_cpu_offset.value});
  }
  return offsets;
}

Result<std::vector<std::uint64_t>> read_per_cpu_offsets(const backend::KernelImage& image,
                                                        backend::Guest& guest) {
  return read_per_cpu_offsets(image, [&](GuestVirt from, std::span<std::byte> into) {
    backend::ReadRequest request{.from = from, .into = into};
    guest.read_image({&request, 1});
    return request.status == backend::ReadStatus::ok;
  });
}

bool names_cpu(std::span<const Token> tokens) {
  return tokens.size() >= 2 && tokens[0].is("[") && tokens[1].kind == Token::Kind::name &&
         tokens[1].text.starts_with("cpu");
}

Result<std::size_t> read_cpu(std::string_view text, std::span<const Token> tokens, std::size_t cpus) {
  const Token& cpu = tokens[1];
  const std::string_view digits = cpu.text.substr(3);
  std::size_t number = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || stop != digits.data() + digits.size()) {
    return bad(text, cpu, "the number of a CPU: cpu0");
  }
  if (cpus == 0) {
    return fail({.code = Errc::unsupported,
                 .subject = "a per-CPU variable of a kernel that does not tell where they are"});
  }
  if (number >= cpus) return bad(text, cpu, fmt::format("a CPU from cpu0 to cpu{}", cpus - 1));
  if (!tokens[2].is("]")) return bad(text, tokens[2], "']'");
  return number;
}

tl::unexpected<Error> cpu_is_missing(std::string_view text, const Token& where, std::string_view name) {
  return bad(text, where, fmt::format("the CPU, as each has one of its own: {}[cpu0]", printable(name)));
}

}  // namespace vmitap::types
