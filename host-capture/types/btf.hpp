// SPDX-License-Identifier: MIT
// BTF, in which a Linux kernel describes its own types (Documentation/bpf/btf.rst). The bytes come out of
// guest memory: libbpf checks that they are whole, and everything that refers to something is checked here.
#pragma once

#include <bpf/btf.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vmitap::types {

using BtfId = std::uint32_t;  // 0 is void

// A kernel with every driver built in stays below.
inline constexpr std::uint64_t kBtfMax = 64ULL << 20;

class Btf {
 public:
  // Keeps a copy. Errc::bad_debug_info, too_large.
  static Result<Btf> parse(std::span<const std::byte> raw);

  // The first id that no type has.
  [[nodiscard]] BtfId end() const noexcept { return end_; }
  // nullptr: there is none of this id. Also for void.
  [[nodiscard]] const btf_type* at(BtfId id) const noexcept;
  // At most 512 bytes, as the kernel has them; empty if there is none. Lives as long as this.
  [[nodiscard]] std::string_view name(std::uint32_t offset) const noexcept;
  // In the order of their ids.
  [[nodiscard]] std::span<const BtfId> named(std::string_view name) const;
  // The type of a per-CPU variable.
  [[nodiscard]] std::optional<BtfId> per_cpu_variable(std::string_view name) const;
  // The first integer or floating-point type that is called so. Looks at no more than a kernel has.
  [[nodiscard]] std::optional<BtfId> number_where(
      const std::function<bool(std::string_view name)>& is_wanted) const;
  // Of types and of nothing else; with repetitions, and no more than a kernel has.
  [[nodiscard]] std::vector<std::string_view> type_names() const;

 private:
  struct Free {
    void operator()(btf* handle) const noexcept { btf__free(handle); }
  };
  explicit Btf(btf* handle);

  std::unique_ptr<btf, Free> handle_;
  BtfId end_ = 1;
  std::vector<BtfId> by_name_;  // those that have one, sorted
};

}  // namespace vmitap::types
