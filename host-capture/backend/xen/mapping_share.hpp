// SPDX-License-Identifier: MIT
// Linux lets a process have so many mappings and no more (vm.max_map_count), and each frame of a domain that
// is mapped is one. So the guests have equal shares of them: one whose pages are many costs no other a read.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace vmitap::backend::xen {

// 64 MiB: twice the longest record, and little beside a domain.
inline constexpr std::size_t kRecordFramesMost = 16384;
// Of what a kernel says of itself, which is read 1 MiB at a time and not kept: 256 pages and, across all
// borders of tables, 9 of these.
inline constexpr std::size_t kImageFrames = 320;
// Where the host allows next to nothing, a variable can still be read: it stands behind 5 tables at most.
inline constexpr std::size_t kRecordFramesLeast = 64;

// How many frames each of so many guests may have mapped for its records. A quarter of what the process may
// map is left to all else: libraries, stacks, heaps, debug files, granted pages.
[[nodiscard]] std::size_t frames_for_each(std::size_t may_map, std::size_t guests) noexcept;

// Any thread.
class MappingShare {
 public:
  // One guest's part, which is the smaller the more there are.
  static MappingShare of_records();
  static MappingShare of_image() { return MappingShare(nullptr); }

  [[nodiscard]] std::size_t size() const noexcept;

 private:
  explicit MappingShare(std::shared_ptr<const std::size_t> may_map) : may_map_(std::move(may_map)) {}

  // What the process may map. Its owners are those that share it, and the one that made it.
  std::shared_ptr<const std::size_t> may_map_;
};

}  // namespace vmitap::backend::xen
