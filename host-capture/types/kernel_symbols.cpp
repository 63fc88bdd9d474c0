// SPDX-License-Identifier: MIT
#include "types/kernel_symbols.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/nearest.hpp"
#include "base/printable.hpp"
#include "types/vmcoreinfo.hpp"

namespace vmitap::types {
namespace {

// Kernels have some 200,000; names of 30 bytes that take 10 when compressed.
constexpr std::uint32_t kSymbolsMax = 1u << 20;
constexpr std::uint64_t kCompressedMax = 64ULL << 20;
constexpr std::size_t kNamesMax = 64u << 20;
constexpr std::size_t kNameMax = 512;  // KSYM_NAME_LEN
constexpr std::size_t kTokens = 256;
// token_index has 16 bits for where a token begins.
constexpr std::uint64_t kTokenTableMax = 65536 + kNameMax;

constexpr std::array<std::string_view, 6> kTables = {"kallsyms_num_syms",    "kallsyms_names",
                                                     "kallsyms_token_table", "kallsyms_token_index",
                                                     "kallsyms_offsets",     "kallsyms_relative_base"};
enum Table : std::size_t { num_syms, names, token_table, token_index, offsets, relative_base };

}  // namespace

class KernelSymbolsReader {
 public:
  explicit KernelSymbolsReader(const GuestReader& read) : read_(read) {}

  Result<KernelSymbols> run(std::string_view vmcoreinfo) {
    for (std::size_t i = 0; i < kTables.size(); ++i) {
      const auto address = vmcoreinfo_symbol(vmcoreinfo, kTables[i]);
      if (!address) {
        return fail(
            {.code = Errc::unsupported,
             .operation = std::string_view{kTables[i]}.data(),
             .subject = "a kernel whose vmcoreinfo does not tell where its symbols are",
             .hint = "it takes Linux 6.0 or later with CONFIG_KALLSYMS and CONFIG_KALLSYMS_BASE_RELATIVE"});
      }
      tables_[i] = *address;
    }
    std::uint32_t count = 0;
    if (auto read = copy(num_syms, &count, 1); !read) return fail(std::move(read.error()));
    if (count == 0 || count > kSymbolsMax) return broken("kallsyms_num_syms is out of range");
    if (auto read = read_tokens(); !read) return fail(std::move(read.error()));
    if (auto read = read_names(count); !read) return fail(std::move(read.error()));
    if (auto read = read_addresses(count); !read) return fail(std::move(read.error()));
    return std::move(symbols_);
  }

 private:
  static tl::unexpected<Error> broken(const char* rule) {
    return fail({.code = Errc::protocol, .operation = "reading the kernel's symbols", .subject = rule});
  }

  template <class T>
  Result<void> copy(Table table, T* into, std::size_t count) {
    if (read_(tables_[table], std::as_writable_bytes(std::span{into, count}))) return {};
    return fail({.code = Errc::unreadable_memory,
                 .operation = "reading the kernel's symbols",
                 .address = tables_[table].value});
  }

  // Bytes up to the next table; nothing if none follows.
  [[nodiscard]] std::optional<std::uint64_t> extent(Table table) const {
    std::optional<std::uint64_t> nearest;
    for (const GuestVirt other : tables_) {
      if (other.value <= tables_[table].value) continue;
      const std::uint64_t distance = other.value - tables_[table].value;
      nearest = std::min(nearest.value_or(distance), distance);
    }
    return nearest;
  }

  Result<void> read_tokens() {
    std::array<std::uint16_t, kTokens> starts{};
    if (auto read = copy(token_index, starts.data(), starts.size()); !read) return read;
    const auto size = extent(token_table);
    if (!size) return broken("no table follows kallsyms_token_table");
    tokens_text_.resize(std::min(*size, kTokenTableMax));
    if (auto read = copy(token_table, tokens_text_.data(), tokens_text_.size()); !read) return read;
    for (std::size_t i = 0; i < kTokens; ++i) {
      const std::size_t end = tokens_text_.find('\0', starts[i]);
      if (end == std::string::npos || end - starts[i] > kNameMax) return broken("a token has no end");
      tokens_[i] = std::string_view{tokens_text_}.substr(starts[i], end - starts[i]);
    }
    return {};
  }

  // Each: how many tokens it has (from 128 on in two bytes, seven bits in the first), then the tokens. The
  // first character of the text is the symbol's kind.
  Result<void> read_names(std::uint32_t count) {
    const auto size = extent(names);
    if (!size || *size > kCompressedMax) return broken("kallsyms_names has no end");
    std::vector<std::uint8_t> packed(*size);
    if (auto read = copy(names, packed.data(), packed.size()); !read) return read;
    symbols_.entries_.reserve(std::min<std::size_t>(count, packed.size()));
    std::string name;
    for (std::size_t at = 0; count != 0; --count) {
      if (at == packed.size()) return broken("kallsyms_names is shorter than its symbols");
      std::size_t length = packed[at++];
      if ((length & 0x80) != 0) {
        if (at == packed.size()) return broken("kallsyms_names is shorter than its symbols");
        length = (length & 0x7f) | static_cast<std::size_t>(packed[at++]) << 7;
      }
      if (length > packed.size() - at) return broken("a symbol's name has no end");
      name.clear();
      for (const std::size_t end = at + length; at != end; ++at) {
        name += tokens_[packed[at]];
        if (name.size() > kNameMax) return broken("a symbol's name is too long");
      }
      if (symbols_.names_.size() + name.size() > kNamesMax) {
        return fail(
            {.code = Errc::too_large, .subject = "the names of the kernel's symbols", .number = kNamesMax});
      }
      KernelSymbols::Entry entry{};
      entry.kind = name.empty() ? '?' : name[0];
      entry.name_at = static_cast<std::uint32_t>(symbols_.names_.size());
      entry.name_size = static_cast<std::uint16_t>(name.empty() ? 0 : name.size() - 1);
      if (!name.empty()) symbols_.names_.append(name, 1);
      symbols_.entries_.push_back(entry);
    }
    return {};
  }

  // CONFIG_KALLSYMS_ABSOLUTE_PERCPU, without which no offset is negative: what is not, is absolute.
  Result<void> read_addresses(std::uint32_t count) {
    std::uint64_t base = 0;
    std::vector<std::int32_t> places(count);
    if (auto read = copy(relative_base, &base, 1); !read) return read;
    if (auto read = copy(offsets, places.data(), places.size()); !read) return read;
    const bool has_absolute = std::ranges::any_of(places, [](std::int32_t place) { return place < 0; });
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto place = static_cast<std::uint64_t>(std::int64_t{places[i]});
      symbols_.entries_[i].address = !has_absolute   ? base + static_cast<std::uint32_t>(places[i])
                                     : places[i] < 0 ? base - 1 - place
                                                     : place;
    }
    return {};
  }

  const GuestReader& read_;
  std::array<GuestVirt, kTables.size()> tables_{};
  std::string tokens_text_;
  std::array<std::string_view, kTokens> tokens_;
  KernelSymbols symbols_;
};

Result<KernelSymbols> KernelSymbols::read(std::string_view vmcoreinfo, const GuestReader& read) {
  return KernelSymbolsReader{read}.run(vmcoreinfo);
}

KernelSymbols::Symbol KernelSymbols::at(std::size_t index) const {
  const Entry& entry = entries_[index];
  return {std::string_view{names_}.substr(entry.name_at, entry.name_size), entry.kind, entry.address};
}

std::vector<KernelSymbols::Symbol> KernelSymbols::named(std::string_view name) const {
  std::vector<Symbol> found;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].name_size == name.size() && at(i).name == name) found.push_back(at(i));
  }
  return found;
}

std::string KernelSymbols::nearest_to(std::string_view name) const {
  std::vector<std::string_view> known;
  known.reserve(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) known.push_back(at(i).name);
  return printable(nearest(name, known));
}

}  // namespace vmitap::types
