// SPDX-License-Identifier: MIT
#include "types/layout_check.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

namespace vmitap::types {
namespace {

class Checker {
 public:
  explicit Checker(const Catalog& catalog)
      : catalog_(catalog), state_(catalog.types.size(), State::unseen), depth_(catalog.types.size(), 0) {}

  std::vector<TypeId> run() {
    for (TypeId id = 0; id < catalog_.types.size(); ++id) {
      if (state_[id] == State::unseen) descend(id);
    }
    std::sort(unsound_.begin(), unsound_.end());
    return std::move(unsound_);
  }

 private:
  enum class State : std::uint8_t { unseen, open, sound, unsound };
  struct Frame {
    TypeId id;
    std::size_t next = 0;  // of the types it holds
  };

  // Types held by value: those that a decoder of this type goes into.
  [[nodiscard]] std::size_t held_count(TypeId id) const {
    const Type& type = catalog_[id];
    if (type.kind == Kind::record) return type.members.size();
    return type.kind == Kind::typedef_ || type.kind == Kind::array || type.kind == Kind::enumeration ? 1 : 0;
  }
  [[nodiscard]] TypeId held(TypeId id, std::size_t index) const {
    const Type& type = catalog_[id];
    return type.kind == Kind::record ? type.members[index].type : type.target;
  }

  // Depth first, with a stack of its own: the depth is the file's to choose.
  void descend(TypeId root) {
    std::vector<Frame> stack;
    const auto open = [&](TypeId id) {
      state_[id] = State::open;
      if (ids_in_range(id)) {
        stack.push_back({id});
      } else {
        close(id, false);
      }
    };
    open(root);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const TypeId id = frame.id;
      if (frame.next == held_count(id)) {
        close(id, depth_[id] <= kNestingMax && is_consistent(catalog_[id]));
        stack.pop_back();
        continue;
      }
      const TypeId inner = held(id, frame.next++);
      if (state_[inner] == State::unseen) {
        --frame.next;
        open(inner);
      } else if (state_[inner] == State::open) {
        depth_[id] = kNestingMax + 1;  // holds itself
      } else if (state_[inner] == State::sound) {
        depth_[id] = std::max(depth_[id], depth_[inner] + 1);
      }
    }
  }

  void close(TypeId id, bool is_sound) {
    state_[id] = is_sound ? State::sound : State::unsound;
    if (!is_sound) unsound_.push_back(id);
  }

  [[nodiscard]] bool ids_in_range(TypeId id) const {
    const Type& type = catalog_[id];
    const auto in_range = [&](TypeId other) { return other < catalog_.types.size(); };
    return in_range(type.target) && std::all_of(type.members.begin(), type.members.end(),
                                                [&](const Member& member) { return in_range(member.type); });
  }

  [[nodiscard]] bool is_consistent(const Type& type) const {
    switch (type.kind) {
      case Kind::void_:
      case Kind::function:
        return type.size == 0;
      case Kind::boolean:
      case Kind::character:
        return type.size == 1;
      case Kind::integer:
        return type.size <= 16 && std::has_single_bit(type.size);
      case Kind::floating:
        return type.size == 4 || type.size == 8 || type.size == 16;
      case Kind::enumeration:
        return type.is_declaration || (type.size <= 8 && std::has_single_bit(type.size));
      case Kind::pointer:
        return type.size == 8;
      case Kind::typedef_:
        return type.size == catalog_[type.target].size;
      case Kind::array: {
        std::uint64_t size = 0;
        if (type.is_flexible && type.count != 0) return false;
        return !__builtin_mul_overflow(type.count, catalog_[type.target].size, &size) && size == type.size;
      }
      case Kind::record:
        return std::all_of(type.members.begin(), type.members.end(),
                           [&](const Member& member) { return fits(member, type); });
      case Kind::opaque:
        return true;
    }
    return false;
  }

  [[nodiscard]] bool fits(const Member& member, const Type& record) const {
    if (member.is_virtual_base) return true;
    if (member.bit_size != 0) {
      const Type& type = catalog_[catalog_.strip(member.type)];
      const bool is_integral = type.kind == Kind::integer || type.kind == Kind::boolean ||
                               type.kind == Kind::enumeration || type.kind == Kind::character ||
                               type.kind == Kind::opaque;
      return is_integral && member.bit_size <= type.size * 8 && record.size <= UINT64_MAX / 8 &&
             member.bit_offset <= record.size * 8 && member.bit_size <= record.size * 8 - member.bit_offset;
    }
    // An empty base class or member has a size of 1 and may yet stand behind the last byte.
    const Type& type = catalog_[member.type];
    if (member.offset > record.size) return false;
    return type.size <= record.size - member.offset || is_empty(catalog_[catalog_.strip(member.type)]);
  }

  [[nodiscard]] static bool is_empty(const Type& type) {
    return type.kind == Kind::record && type.size == 1 && type.members.empty();
  }

  const Catalog& catalog_;
  std::vector<State> state_;
  std::vector<int> depth_;
  std::vector<TypeId> unsound_;
};

}  // namespace

std::vector<TypeId> unsound_types(const Catalog& catalog) { return Checker{catalog}.run(); }

void seclude_unsound(Catalog& catalog) {
  for (const TypeId id : unsound_types(catalog)) {
    Type known;
    known.kind = Kind::opaque;
    known.name = std::move(catalog.types[id].name);
    known.size = catalog.types[id].size;
    catalog.types[id] = std::move(known);
  }
}

}  // namespace vmitap::types
