// SPDX-License-Identifier: MIT
#include "types/expression_place.hpp"

namespace vmitap::types {

Place Place::at_address(std::uint64_t address) {
  Place place;
  place.fetch_.base = VMITAP_FETCH_ADDRESS;
  place.fetch_.origin = address;
  return place;
}

Place Place::in_arguments(std::uint64_t offset, std::uint64_t size) {
  Place place;
  place.fetch_.base = VMITAP_FETCH_ARGUMENT;
  place.fetch_.origin = offset;
  place.arguments_size_ = size;
  return place;
}

bool Place::move(std::int64_t bytes) {
  if (fetch_.hops != 0) {
    auto& add = fetch_.add[fetch_.hops - 1];
    return !__builtin_add_overflow(add, bytes, &add);
  }
  std::uint64_t moved = 0;
  if (__builtin_add_overflow(fetch_.origin, bytes, &moved)) return false;
  fetch_.origin = moved;
  return true;
}

bool Place::follow() {
  if (fetch_.hops == VMITAP_FETCH_HOPS_MAX) return false;
  fetch_.add[fetch_.hops++] = 0;
  return true;
}

bool Place::holds(std::uint64_t size) const {
  if (fetch_.base == VMITAP_FETCH_ADDRESS || fetch_.hops != 0) return true;
  return size <= arguments_size_ && fetch_.origin <= arguments_size_ - size;
}

vmitap_fetch Place::fetch(std::uint64_t size) const {
  vmitap_fetch fetch = fetch_;
  fetch.size = static_cast<vmitap_u32>(size);
  return fetch;
}

Kind PointedType::kind() const { return pointers != 0 ? Kind::pointer : type().kind; }

bool PointedType::is_reference() const {
  return pointers == 0 && type().kind == Kind::pointer && type().name.starts_with('&');
}

std::uint64_t PointedType::size() const { return pointers != 0 ? 8 : (*catalog)[id].size; }

PointedType PointedType::target() const {
  if (pointers != 0) return {catalog, id, pointers - 1};
  return {catalog, type().target, 0};
}

std::string PointedType::spelling() const { return catalog->spelling(id, std::string(pointers, '*')); }

}  // namespace vmitap::types
