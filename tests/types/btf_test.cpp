// SPDX-License-Identifier: MIT
#include "types/btf.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "btf_maker.hpp"
#include "types/btf_types.hpp"
#include "types/layout_check.hpp"
#include "types/object.hpp"

namespace vmitap::types {
namespace {

using Bytes = std::vector<std::byte>;

// What pahole made of btf_subject.c.
Bytes subject() {
  std::ifstream file{VMITAP_BTF_SUBJECT ".btf", std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  Bytes bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// Everything that BTF has, in one catalog.
Catalog convert(const Btf& btf) {
  Catalog catalog;
  BtfTypes types{btf, catalog.types};
  for (BtfId id = 1; id < btf.end(); ++id) types.add(id);
  return catalog;
}

class BtfKinds : public testing::Test {
 protected:
  // The type as the catalog has it.
  const Type& type(std::uint32_t id) {
    btf_.emplace(*Btf::parse(maker.bytes()));
    types_.emplace(*btf_, catalog_.types);
    last_ = types_->add(id);
    return catalog_[last_];
  }
  std::string spelled(std::uint32_t id) {
    type(id);
    return catalog_.spelling(last_);
  }

  BtfMaker maker;
  std::optional<Btf> btf_;
  Catalog catalog_;
  std::optional<BtfTypes> types_;
  TypeId last_ = 0;
};

TEST(Btf, AgreesWithDwarfAboutEveryMember) {
  const auto dwarf = load_object(VMITAP_BTF_SUBJECT, {.all_types = true});
  ASSERT_TRUE(dwarf) << dwarf.error().hint;
  const auto btf = Btf::parse(subject());
  ASSERT_TRUE(btf) << btf.error().hint;
  const Catalog catalog = convert(*btf);
  EXPECT_TRUE(unsound_types(catalog).empty());
  int records = 0;
  int members = 0;
  for (TypeId id = 1; id < (*dwarf)->types.size(); ++id) {
    const Type& expected = (**dwarf)[id];
    if (expected.name.empty() || (expected.kind != Kind::record && expected.kind != Kind::enumeration))
      continue;
    const Type& found = catalog[catalog.find((*dwarf)->spelling(id))];
    ++records;
    EXPECT_EQ(found.size, expected.size) << expected.name;
    EXPECT_EQ(found.kind, expected.kind) << expected.name;
    EXPECT_EQ(found.is_signed, expected.is_signed) << expected.name;
    EXPECT_EQ(found.is_declaration, expected.is_declaration) << expected.name;
    ASSERT_EQ(found.members.size(), expected.members.size()) << expected.name;
    ASSERT_EQ(found.enumerators.size(), expected.enumerators.size()) << expected.name;
    for (std::size_t i = 0; i < found.members.size(); ++i, ++members) {
      const Member& a = found.members[i];
      const Member& b = expected.members[i];
      EXPECT_EQ(a.name, b.name);
      EXPECT_EQ(a.offset, b.offset) << b.name;
      EXPECT_EQ(a.bit_offset, b.bit_offset) << b.name;
      EXPECT_EQ(a.bit_size, b.bit_size) << b.name;
      const Type& type_a = catalog[catalog.strip(a.type)];
      const Type& type_b = (**dwarf)[(*dwarf)->strip(b.type)];
      EXPECT_EQ(type_a.kind, type_b.kind) << b.name;
      EXPECT_EQ(type_a.size, type_b.size) << b.name;
      EXPECT_EQ(type_a.is_signed, type_b.is_signed) << b.name;
      // pahole makes one rank of several.
      if (std::set<std::string>{"table", "cube"}.contains(b.name)) continue;
      EXPECT_EQ(catalog.spelling(a.type), (*dwarf)->spelling(b.type)) << b.name;
    }
    for (std::size_t i = 0; i < found.enumerators.size(); ++i) {
      EXPECT_EQ(found.enumerators[i].name, expected.enumerators[i].name);
      EXPECT_EQ(found.enumerators[i].value, expected.enumerators[i].value);
    }
  }
  EXPECT_GE(records, 15);
  EXPECT_GE(members, 80);
}

TEST(Btf, LeavesRecordsBehindPointersUntilTheyAreWanted) {
  const auto btf = Btf::parse(subject());
  ASSERT_TRUE(btf);
  Catalog catalog;
  BtfTypes types{*btf, catalog.types};
  types.add(btf->named("node").front());
  const TypeId pointers = catalog.find("struct pointers");
  EXPECT_TRUE(catalog[pointers].is_declaration);
  EXPECT_EQ(catalog[pointers].size, sizeof(void*) * 13);
  EXPECT_TRUE(catalog[pointers].members.empty());
  EXPECT_LT(catalog.types.size(), 6u);
  types.complete(pointers);
  EXPECT_FALSE(catalog[pointers].is_declaration);
  EXPECT_EQ(catalog[pointers].members.size(), 10u);
  EXPECT_TRUE(catalog[catalog.find("struct nowhere")].is_declaration);
  types.complete(catalog.find("struct nowhere"));
  EXPECT_TRUE(catalog[catalog.find("struct nowhere")].is_declaration) << "it has no definition";
}

TEST_F(BtfKinds, ReadsNumbers) {
  const auto expect = [&](const Type& type, Kind kind, bool is_signed) {
    EXPECT_EQ(static_cast<int>(type.kind), static_cast<int>(kind)) << type.name;
    EXPECT_EQ(type.is_signed, is_signed) << type.name;
  };
  expect(type(maker.integer("int", 4, BTF_INT_SIGNED)), Kind::integer, true);
  expect(type(maker.integer("char", 1, BTF_INT_SIGNED)), Kind::character, true);
  expect(type(maker.integer("char", 1, 0)), Kind::character, false);
  expect(type(maker.integer("unsigned char", 1, 0)), Kind::integer, false);
  expect(type(maker.integer("_Bool", 1, BTF_INT_BOOL)), Kind::boolean, false);
  expect(type(maker.integer("odd", 3, 0)), Kind::opaque, false);
  expect(type(maker.integer("huge", 32, 0)), Kind::opaque, false);
  expect(type(maker.type("double", BTF_KIND_FLOAT, 8, {})), Kind::floating, false);
  expect(type(maker.type("half", BTF_KIND_FLOAT, 2, {})), Kind::opaque, false);
}

TEST_F(BtfKinds, ReadsEnumerationsWithTheirSigns) {
  const Type plain = type(maker.enumeration("plain", 4, false, {{"A", 1}, {"B", 0xffffffff}}));
  EXPECT_EQ(plain.enumerators[1].value, 0xffffffffLL);
  const Type with_sign = type(maker.enumeration("with_sign", 4, true, {{"C", 0xffffffff}}));
  EXPECT_EQ(with_sign.enumerators[0].value, -1);
  const Type wide = type(maker.enumeration("wide", 8, false, {{"D", 0x8000000000000001}}));
  EXPECT_EQ(static_cast<std::uint64_t>(wide.enumerators[0].value), 0x8000000000000001);
  EXPECT_EQ(wide.size, 8u);
}

TEST_F(BtfKinds, SpellsWhatLeadsToATypeAsCDoes) {
  const std::uint32_t number = maker.integer("int", 4, BTF_INT_SIGNED);
  std::uint32_t qualified = number;
  for (const unsigned kind : {BTF_KIND_CONST, BTF_KIND_VOLATILE, BTF_KIND_RESTRICT}) {
    qualified = maker.link(kind, qualified);
  }
  EXPECT_EQ(spelled(maker.pointer(maker.link(BTF_KIND_TYPE_TAG, qualified, "rcu"))), "int *");
  const std::uint32_t function = maker.link(BTF_KIND_FUNC_PROTO, number);
  EXPECT_EQ(spelled(maker.array(maker.pointer(function), 3)), "int (*[3])()");
  EXPECT_EQ(spelled(maker.array(maker.link(BTF_KIND_TYPEDEF, number, "pid_t"), 0)), "pid_t []");
  EXPECT_EQ(spelled(maker.pointer(maker.link(BTF_KIND_FWD, 0, "gone"))), "struct gone *");
  EXPECT_EQ(spelled(maker.pointer(maker.type("either", BTF_KIND_FWD, 0, {}, 0, true))), "union either *");
}

TEST_F(BtfKinds, FindsTheDefinitionOfADeclaration) {
  const std::uint32_t declared = maker.link(BTF_KIND_FWD, 0, "thing");
  const std::uint32_t number = maker.integer("int", 4, BTF_INT_SIGNED);
  maker.record("thing", 8, {{"u", number, 0}}, BTF_KIND_UNION);
  maker.record("thing", 4, {{"s", number, 0}});
  const Type& found = type(declared);
  ASSERT_EQ(found.members.size(), 1u);
  EXPECT_EQ(found.members[0].name, "s");
}

TEST_F(BtfKinds, ReadsBitFieldsOfBothEncodings) {
  const std::uint32_t number = maker.integer("unsigned int", 4, 0);
  const Type with_flag = type(maker.record("flags", 4, {{"a", number, 0, 3}, {"b", number, 3, 29}}));
  ASSERT_EQ(with_flag.members.size(), 2u);
  EXPECT_EQ(with_flag.members[1].bit_offset, 3u);
  EXPECT_EQ(with_flag.members[1].bit_size, 29u);
  const std::uint32_t narrow = maker.integer("unsigned int", 4, 0, 5);
  const Type older = type(maker.record("older", 4, {{"c", narrow, 7}}));
  EXPECT_EQ(older.members[0].bit_offset, 7u);
  EXPECT_EQ(older.members[0].bit_size, 5u);
}

TEST_F(BtfKinds, KnowsPerCpuVariables) {
  const std::uint32_t number = maker.integer("int", 4, BTF_INT_SIGNED);
  const std::uint32_t here = maker.variable("here", number);
  const std::uint32_t there = maker.variable("there", number);
  maker.section(".data..percpu", {here});
  maker.section(".data", {there});
  const auto btf = Btf::parse(maker.bytes());
  EXPECT_EQ(btf->per_cpu_variable("here"), number);
  EXPECT_FALSE(btf->per_cpu_variable("there"));
}

TEST_F(BtfKinds, MakesTypesOpaqueThatContradictThemselves) {
  const std::uint32_t number = maker.integer("int", 4, BTF_INT_SIGNED);
  maker.record("outside", 4, {{"x", number, 8}});
  maker.record("itself", 8, {{"x", 3, 0}});
  maker.record("far", 4, {{"x", 0xfffff, 0}});
  maker.link(BTF_KIND_TYPEDEF, 5, "loop");
  maker.pointer(7);
  maker.pointer(6);
  maker.link(BTF_KIND_TYPEDEF, maker.variable("v", number), "of_variable");
  const auto btf = Btf::parse(maker.bytes());
  ASSERT_TRUE(btf);
  Catalog catalog = convert(*btf);
  seclude_unsound(catalog);
  EXPECT_TRUE(unsound_types(catalog).empty());
  for (const Type& type : catalog.types) {
    const bool is_unsound = type.name == "outside" || type.name == "itself";
    EXPECT_TRUE(!is_unsound || type.kind == Kind::opaque) << type.name;
  }
}

// With a look at all of them for each this would take hours.
TEST(Btf, TakesAsManyTypesOfOneNameAsAGuestMakesUp) {
  BtfMaker maker;
  const std::uint32_t number = maker.integer("int", 4, BTF_INT_SIGNED);
  for (int i = 0; i < 200'000; ++i) {
    maker.link(BTF_KIND_FWD, 0, "same");
    maker.link(BTF_KIND_TYPEDEF, number, "same");
  }
  const auto btf = Btf::parse(maker.bytes());
  ASSERT_TRUE(btf);
  const Catalog catalog = convert(*btf);
  EXPECT_EQ(std::ranges::count_if(catalog.types, [](const Type& type) { return type.is_declaration; }), 1);
}

TEST(Btf, RefusesWhatIsCutOff) {
  const Bytes whole = subject();
  ASSERT_TRUE(Btf::parse(whole));
  for (std::size_t parts = 0; parts < 64; ++parts) {
    EXPECT_FALSE(Btf::parse(std::span{whole}.first(whole.size() * parts / 64))) << parts;
  }
}

// Bytes changed at random, always the same ones: an error or a sound catalog, never anything else.
TEST(Btf, HoldsUpAgainstDamage) {
  const Bytes whole = subject();
  std::mt19937 random{20240607};
  int read = 0;
  for (int round = 0; round < 2000; ++round) {
    Bytes damaged = whole;
    for (unsigned count = random() % 16 + 1; count > 0; --count)
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    const auto btf = Btf::parse(damaged);
    if (!btf) continue;
    ++read;
    Catalog catalog = convert(*btf);
    seclude_unsound(catalog);
    EXPECT_TRUE(unsound_types(catalog).empty());
  }
  EXPECT_GT(read, 100) << "the damage was too great to test anything";
}

}  // namespace
}  // namespace vmitap::types
