// SPDX-License-Identifier: MIT
// xenstore as dom0 reads it. What stands below a domain's home is the domain's to write: every value is
// checked by who uses it.
#pragma once

#include "backend/xen/libxen.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/xen/library_handle.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

// One thread at a time.
class Store {
 public:
  // Errc::unsupported where this machine is no dom0 of a running Xen.
  static Result<Store> open();

  // Nothing if the key is not there. No value is longer than a xenstore payload (4 KiB).
  [[nodiscard]] std::optional<std::string> read(const std::string& path) const;
  // A decimal number of 32 bits.
  [[nodiscard]] std::optional<std::uint32_t> read_number(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> list(const std::string& path) const;
  // False once xenstored went: then nothing can be read, and that says nothing of what stands there.
  [[nodiscard]] bool answers() const;

  // fd() becomes readable when what stands at the path, or below, changed; and once at the start.
  Result<void> watch(const std::string& path);
  void unwatch(const std::string& path) noexcept;
  [[nodiscard]] int fd() const noexcept;
  // Takes what the watches say. False if the store is gone.
  bool clear_watches();

 private:
  using Handle = LibraryHandle<xs_handle, xs_close>;
  explicit Store(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

// Absolute path of a domain's own place in the store.
std::string home_of(DomId domain);

}  // namespace vmitap::backend::xen
