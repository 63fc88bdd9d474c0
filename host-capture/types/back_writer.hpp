// SPDX-License-Identifier: MIT
// A buffer that grows towards its front: a protobuf message is written from its last byte to its first,
// so that a nested message's length is known when its prefix is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace vmitap::types {

// Keeps its memory between messages. Not thread-safe. Whatever makes it grow may throw std::bad_alloc.
class BackWriter {
 public:
  explicit BackWriter(std::size_t capacity = 4096);

  void clear() noexcept { start_ = capacity_; }
  // Valid until the next change.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {storage_.get() + start_, size()};
  }
  [[nodiscard]] std::size_t size() const noexcept { return capacity_ - start_; }

  // Makes room for `size` bytes in front of what is written and returns where they start.
  std::byte* reserve(std::size_t size);
  void varint(std::uint64_t value);
  void tag(std::uint32_t field, std::uint32_t wire_type);
  void raw(std::span<const std::byte> bytes);

  // For writers of wire.hpp's kind: what is written starts at front(), with at least `size` bytes of
  // room before it and the slack they need; set_front() takes the new start.
  std::byte* front(std::size_t size);
  void set_front(const std::byte* front) noexcept {
    start_ = static_cast<std::size_t>(front - storage_.get());
  }

 private:
  void grow(std::size_t size);

  std::unique_ptr<std::byte[]> storage_;
  std::size_t capacity_;
  std::size_t start_;
};

}  // namespace vmitap::types
