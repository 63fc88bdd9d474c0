// SPDX-License-Identifier: MIT
#include "types/btf.hpp"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cstring>

namespace vmitap::types {
namespace {

constexpr std::size_t kNameMax = 512;  // KSYM_NAME_LEN
constexpr std::size_t kNumbersMax = 4096;
constexpr std::size_t kTypeNamesMax = std::size_t{1} << 19;  // some times what Linux has
constexpr std::string_view kPerCpuSection = ".data..percpu";

// What libbpf takes as it comes and what follows here would trip over.
const char* problem_of(std::span<const std::byte> raw) {
  btf_header header;
  if (raw.size() < sizeof header) return "it is shorter than its header";
  std::memcpy(&header, raw.data(), sizeof header);
  if (header.magic != BTF_MAGIC) return "it does not begin as BTF does";
  if (header.version != BTF_VERSION) return "its version is not known";
  if (header.hdr_len < sizeof header || header.hdr_len > raw.size()) return "its header has no sound size";
  if (header.hdr_len % 4 != 0 || header.type_off % 4 != 0) return "its types are not aligned";
  return nullptr;
}

tl::unexpected<Error> bad(const char* hint) {
  return fail({.code = Errc::bad_debug_info,
               .operation = "reading BTF",
               .subject = "the guest's kernel",
               .hint = hint});
}

}  // namespace

Btf::Btf(btf* handle) : handle_(handle), end_(btf__type_cnt(handle)) {
  for (BtfId id = 1; id < end_; ++id) {
    if (!name(at(id)->name_off).empty()) by_name_.push_back(id);
  }
  std::ranges::stable_sort(by_name_, {}, [this](BtfId id) { return name(at(id)->name_off); });
}

Result<Btf> Btf::parse(std::span<const std::byte> raw) {
  if (raw.size() > kBtfMax) return fail({.code = Errc::too_large, .subject = "BTF", .number = kBtfMax});
  if (const char* problem = problem_of(raw)) return bad(problem);
  libbpf_set_print(nullptr);  // it would write to standard error what a guest makes it write
  btf* handle = btf__new(raw.data(), static_cast<std::uint32_t>(raw.size()));
  if (handle == nullptr) return bad("it is cut off, or has types of a kind that libbpf does not know");
  return Btf{handle};
}

const btf_type* Btf::at(BtfId id) const noexcept {
  return id == 0 || id >= end_ ? nullptr : btf__type_by_id(handle_.get(), id);
}

std::string_view Btf::name(std::uint32_t offset) const noexcept {
  const char* text = btf__name_by_offset(handle_.get(), offset);
  return text == nullptr ? std::string_view{} : std::string_view{text, ::strnlen(text, kNameMax)};
}

std::span<const BtfId> Btf::named(std::string_view wanted) const {
  if (wanted.empty()) return {};
  wanted = wanted.substr(0, kNameMax);
  const auto begin =
      std::lower_bound(by_name_.begin(), by_name_.end(), wanted,
                       [this](BtfId id, std::string_view text) { return name(at(id)->name_off) < text; });
  const auto end = std::upper_bound(begin, by_name_.end(), wanted, [this](std::string_view text, BtfId id) {
    return text < name(at(id)->name_off);
  });
  return {begin, end};
}

std::optional<BtfId> Btf::per_cpu_variable(std::string_view wanted) const {
  for (const BtfId id : named(kPerCpuSection)) {
    const btf_type* section = at(id);
    if (!btf_is_datasec(section)) continue;
    const btf_var_secinfo* places = btf_var_secinfos(section);
    for (std::size_t i = 0; i < btf_vlen(section); ++i) {
      const btf_type* variable = at(places[i].type);
      if (variable != nullptr && btf_is_var(variable) && name(variable->name_off) == wanted) {
        return variable->type;
      }
    }
  }
  return std::nullopt;
}

std::optional<BtfId> Btf::number_where(const std::function<bool(std::string_view)>& is_wanted) const {
  std::size_t seen = 0;
  for (BtfId id = 1; id < end_ && seen < kNumbersMax; ++id) {
    const btf_type* type = at(id);
    if (!btf_is_int(type) && !btf_is_float(type)) continue;
    ++seen;
    if (is_wanted(name(type->name_off))) return id;
  }
  return std::nullopt;
}

std::vector<std::string_view> Btf::type_names() const {
  std::vector<std::string_view> names;
  std::uint32_t last = 0;  // namesakes follow each other
  for (const BtfId id : by_name_) {
    const btf_type* type = at(id);
    if (type->name_off == last) continue;
    if (names.size() == kTypeNamesMax) break;
    if (!btf_is_func(type) && !btf_is_var(type) && !btf_is_datasec(type) && !btf_is_decl_tag(type) &&
        !btf_is_type_tag(type)) {
      last = type->name_off;
      names.push_back(name(last));
    }
  }
  return names;
}

}  // namespace vmitap::types
