// SPDX-License-Identifier: MIT
#include "types/layout_check.hpp"

#include <gtest/gtest.h>

namespace vmitap::types {
namespace {

class LayoutCheck : public testing::Test {
 protected:
  TypeId add(Kind kind, std::uint64_t size, TypeId target = 0, std::uint64_t count = 0) {
    Type type;
    type.kind = kind;
    type.size = size;
    type.target = target;
    type.count = count;
    catalog_.types.push_back(std::move(type));
    return static_cast<TypeId>(catalog_.types.size() - 1);
  }
  TypeId record(std::uint64_t size, std::vector<Member> members) {
    const TypeId id = add(Kind::record, size);
    catalog_.types[id].members = std::move(members);
    return id;
  }
  static Member member(TypeId type, std::uint64_t offset) {
    Member result;
    result.type = type;
    result.offset = offset;
    return result;
  }
  static Member bits(TypeId type, std::uint64_t offset, std::uint32_t size) {
    Member result;
    result.type = type;
    result.bit_offset = offset;
    result.bit_size = size;
    return result;
  }
  using Ids = std::vector<TypeId>;

  Catalog catalog_;
  TypeId int_ = add(Kind::integer, 4);
  TypeId double_ = add(Kind::floating, 8);
};

TEST_F(LayoutCheck, FindsNothingWrongWithRealTypes) {
  const TypeId node = add(Kind::record, 16);
  const TypeId pointer = add(Kind::pointer, 8, node);
  catalog_.types[node].members = {member(pointer, 0), member(int_, 8), bits(int_, 96, 32)};
  const TypeId empty = record(1, {});
  record(4, {member(int_, 0), member(empty, 4)});
  const TypeId tail = add(Kind::array, 0, int_);
  catalog_.types[tail].is_flexible = true;
  record(4, {member(int_, 0), member(tail, 4)});
  add(Kind::array, 48, add(Kind::array, 16, int_, 4), 3);
  add(Kind::typedef_, 16, node);
  EXPECT_EQ(unsound_types(catalog_), Ids{});
}

TEST_F(LayoutCheck, FindsIdsOutOfRange) {
  const TypeId pointer = add(Kind::pointer, 8, 1000);
  const TypeId holder = record(8, {member(1000, 0)});
  EXPECT_EQ(unsound_types(catalog_), (Ids{pointer, holder}));
}

TEST_F(LayoutCheck, FindsATypedefOfItself) {
  const TypeId self = add(Kind::typedef_, 4);
  catalog_.types[self].target = self;
  EXPECT_EQ(unsound_types(catalog_), Ids{self});
}

TEST_F(LayoutCheck, BreaksALoopOfRecordsInOnePlace) {
  const TypeId outer = add(Kind::record, 8);
  const TypeId inner = record(8, {member(outer, 0)});
  catalog_.types[outer].members = {member(inner, 0)};
  const Ids found = unsound_types(catalog_);
  ASSERT_EQ(found.size(), 1u);
  catalog_.types[found[0]] = Type{};
  catalog_.types[found[0]].kind = Kind::opaque;
  catalog_.types[found[0]].size = 8;
  EXPECT_EQ(unsound_types(catalog_), Ids{}) << "the rest holds up";
}

TEST_F(LayoutCheck, FindsNestingThatIsTooDeep) {
  TypeId inner = int_;
  for (int depth = 0; depth < kNestingMax; ++depth) inner = record(4, {member(inner, 0)});
  EXPECT_EQ(unsound_types(catalog_), Ids{});
  const TypeId one_more = record(4, {member(inner, 0)});
  EXPECT_EQ(unsound_types(catalog_), Ids{one_more});
}

TEST_F(LayoutCheck, NeedsNoStackForDepth) {
  TypeId inner = int_;
  for (int depth = 0; depth < 1'000'000; ++depth) inner = add(Kind::typedef_, 4, inner);
  EXPECT_FALSE(unsound_types(catalog_).empty());
}

TEST_F(LayoutCheck, FindsMembersOutsideOfTheirRecord) {
  const TypeId behind = record(8, {member(double_, 1)});
  const TypeId wrapped = record(8, {member(int_, ~0ULL - 1)});
  const TypeId far_bits = record(4, {bits(int_, 20, 13)});
  EXPECT_EQ(unsound_types(catalog_), (Ids{behind, wrapped, far_bits}));
}

TEST_F(LayoutCheck, FindsBitFieldsThatCannotBe) {
  const TypeId too_wide = record(16, {bits(int_, 0, 33)});
  const TypeId not_integral = record(16, {bits(double_, 0, 3)});
  EXPECT_EQ(unsound_types(catalog_), (Ids{too_wide, not_integral}));
}

TEST_F(LayoutCheck, FindsSizesThatDisagree) {
  const TypeId wrong_array = add(Kind::array, 13, int_, 3);
  const TypeId overflow = add(Kind::array, 8, double_, (1ULL << 61) + 1);
  const TypeId wrong_typedef = add(Kind::typedef_, 8, int_);
  const TypeId odd_integer = add(Kind::integer, 3);
  const TypeId odd_float = add(Kind::floating, 2);
  const TypeId short_pointer = add(Kind::pointer, 4, int_);
  const TypeId wide_enumeration = add(Kind::enumeration, 16);
  EXPECT_EQ(unsound_types(catalog_), (Ids{wrong_array, overflow, wrong_typedef, odd_integer, odd_float,
                                          short_pointer, wide_enumeration}));
}

TEST_F(LayoutCheck, LeavesVirtualBasesAlone) {
  Member base = member(double_, 0);
  base.is_base = base.is_virtual_base = true;
  record(4, {base});
  EXPECT_EQ(unsound_types(catalog_), Ids{});
}

}  // namespace
}  // namespace vmitap::types
