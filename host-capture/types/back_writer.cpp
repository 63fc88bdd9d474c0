// SPDX-License-Identifier: MIT
#include "types/back_writer.hpp"

#include <algorithm>
#include <cstring>

#include "types/wire.hpp"

namespace vmitap::types {

BackWriter::BackWriter(std::size_t capacity)
    : storage_(std::make_unique_for_overwrite<std::byte[]>(capacity)),
      capacity_(capacity),
      start_(capacity) {}

void BackWriter::grow(std::size_t size) {
  const std::size_t used = this->size();
  const std::size_t capacity = std::max(capacity_ * 2, used + size);
  auto storage = std::make_unique_for_overwrite<std::byte[]>(capacity);
  if (used != 0) std::memcpy(storage.get() + capacity - used, storage_.get() + start_, used);
  storage_ = std::move(storage);
  capacity_ = capacity;
  start_ = capacity - used;
}

std::byte* BackWriter::front(std::size_t size) {
  if (start_ < size + wire::kSlack) grow(size + wire::kSlack);
  return storage_.get() + start_;
}

std::byte* BackWriter::reserve(std::size_t size) {
  std::byte* const begin = front(size) - size;
  set_front(begin);
  return begin;
}

void BackWriter::varint(std::uint64_t value) { set_front(wire::put_varint(front(wire::kVarintMax), value)); }

void BackWriter::tag(std::uint32_t field, std::uint32_t wire_type) { varint(wire::tag(field, wire_type)); }

void BackWriter::raw(std::span<const std::byte> bytes) {
  std::byte* const begin = reserve(bytes.size());
  if (!bytes.empty()) std::memcpy(begin, bytes.data(), bytes.size());
}

}  // namespace vmitap::types
