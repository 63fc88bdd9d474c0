// SPDX-License-Identifier: MIT
// A domain's frames, mapped read-only and kept: mapping one costs a thousand times what reading it costs.
#pragma once

#include "backend/xen/libxen.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "backend/xen/library_handle.hpp"
#include "backend/xen/page_walk.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

// One thread at a time.
class FrameCache {
 public:
  static Result<FrameCache> open(DomId domain);
  FrameCache(FrameCache&&) = default;
  FrameCache& operator=(FrameCache&&) = delete;
  ~FrameCache();

  // The frame's 4096 bytes, which are the guest's to change; nullptr if the domain has no such memory. Valid
  // until the next turn() that finds it unused.
  const std::byte* get(Frame frame) noexcept;

  // Now and then, while nothing that get() gave is in use: lets go what was not asked for since the last
  // turn, if there is much of it or it is old. A frame that the guest gave away (ballooning) would stay ours.
  void turn(bool old) noexcept;
  // At such a moment: lets go everything.
  void drop() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return frames_.size(); }

 private:
  // 64 MiB: far more than any rule names, little beside a domain.
  static constexpr std::size_t kMany = 16384;

  struct Mapped {
    const std::byte* at;
    std::uint64_t last_used;
  };
  using Handle = LibraryHandle<xenforeignmemory_handle, xenforeignmemory_close>;
  FrameCache(Handle handle, DomId domain) : handle_(std::move(handle)), domain_(domain) {}

  Handle handle_;
  DomId domain_;
  std::unordered_map<std::uint64_t, Mapped> frames_;
  std::uint64_t turn_ = 1;
};

}  // namespace vmitap::backend::xen
