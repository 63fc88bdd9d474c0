// SPDX-License-Identifier: MIT
// A domain's frames, mapped read-only and kept: mapping one costs a thousand times what reading it costs.
#pragma once

#include "backend/xen/libxen.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "backend/xen/library_handle.hpp"
#include "backend/xen/mapping_share.hpp"
#include "backend/xen/page_walk.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

// One thread at a time.
class FrameCache {
 public:
  static Result<FrameCache> open(DomId domain, MappingShare share);
  FrameCache(FrameCache&&) = default;
  FrameCache& operator=(FrameCache&&) = delete;
  ~FrameCache();

  // The frame's 4096 bytes, which are the guest's to change; nullptr if the domain has no such memory, or
  // this host no room to map it. Valid until the next turn().
  const std::byte* get(Frame frame) noexcept;
  // That was why the last get() gave nothing: the share is used up, or Linux had no memory.
  [[nodiscard]] bool lacked_room() const noexcept { return lacked_room_; }

  // Now and then, while nothing that get() gave is in use: from here on what was not asked for since may go
  // to make room. What was not asked for since the last turn goes at once if it is old, as a frame that the
  // guest gave away (ballooning) would stay ours, or if the share has shrunk.
  void turn(bool old) noexcept;
  // Until the next turn() nothing goes: to unmap takes longer than a pause should.
  void hold() noexcept { may_let_go_ = false; }
  // At such a moment: lets go everything.
  void drop() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return frames_.size(); }

 private:
  struct Mapped {
    const std::byte* at;
    std::uint64_t last_used;
  };
  using Handle = LibraryHandle<xenforeignmemory_handle, xenforeignmemory_close>;
  FrameCache(Handle handle, DomId domain, MappingShare share)
      : handle_(std::move(handle)), domain_(domain), share_(std::move(share)) {}
  bool has_room() noexcept;
  void let_go_unused() noexcept;

  Handle handle_;
  DomId domain_;
  MappingShare share_;
  std::unordered_map<std::uint64_t, Mapped> frames_;
  std::uint64_t turn_ = 1;
  bool may_let_go_ = true;
  bool lacked_room_ = false;
};

}  // namespace vmitap::backend::xen
