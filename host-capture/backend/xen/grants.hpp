// SPDX-License-Identifier: MIT
// Pages that a domain granted to us.
#pragma once

#include "backend/xen/libxen.hpp"

#include <cstddef>
#include <memory>
#include <span>

#include "backend/xen/library_handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

struct GrantUnmap {
  std::shared_ptr<xengnttab_handle> handle;
  std::size_t size = 0;
  void operator()(std::byte* start) const noexcept;
};

// Granted pages, mapped one behind the other; unmapped once. Its bytes are the domain's to change.
class GrantedPages {
 public:
  GrantedPages() = default;
  [[nodiscard]] std::span<std::byte> bytes() const noexcept {
    return {start_.get(), start_.get_deleter().size};
  }
  explicit operator bool() const noexcept { return start_ != nullptr; }

 private:
  friend class Grants;
  GrantedPages(std::byte* start, GrantUnmap unmap) noexcept : start_(start, std::move(unmap)) {}
  std::unique_ptr<std::byte, GrantUnmap> start_;
};

// One thread at a time.
class Grants {
 public:
  static Result<Grants> open(DomId domain);

  enum class Access : std::uint8_t { read, write };
  // Errc::protocol: grants that the domain did not make, or took back. Errc::system: this host has no room.
  Result<GrantedPages> map(std::span<const GrantRef> refs, Access access);

  // One page, writable. When this mapping ends, however it ends, dom0's kernel clears the byte at the offset
  // and notifies the port.
  Result<GrantedPages> map_with_notice(GrantRef ref, std::size_t offset, EvtchnPort port);

 private:
  Grants(std::shared_ptr<xengnttab_handle> handle, DomId domain)
      : handle_(std::move(handle)), domain_(domain) {}
  // After it could not be mapped: why.
  [[nodiscard]] Error refused(const char* operation, std::span<const std::uint32_t> refs,
                              Access access) const;
  [[nodiscard]] bool copies(std::span<const std::uint32_t> refs) const;
  [[nodiscard]] bool maps(std::span<const std::uint32_t> refs) const;

  std::shared_ptr<xengnttab_handle> handle_;
  DomId domain_;
};

}  // namespace vmitap::backend::xen
