// SPDX-License-Identifier: MIT
// dwarf_subject.cpp in every form of DWARF, against the layout that this compiler gives dwarf_subject.hpp.
#include <algorithm>

#include "dwarf_subject.hpp"
#include "dwarf_test_support.hpp"

int ns::Base::shared = 0;

namespace vmitap::types {
namespace {

template <class Record, class Member>
std::size_t offset_of(const Record& record, const Member& member) {
  return static_cast<std::size_t>(reinterpret_cast<const char*>(&member) -
                                  reinterpret_cast<const char*>(&record));
}

class DwarfCxx : public Subject {
 protected:
  const TriggerSite& trigger(std::string_view name, std::size_t number = 0) {
    for (const TriggerSite& each : catalog_->triggers) {
      if (each.name == name && number-- == 0) return each;
    }
    ADD_FAILURE() << "no trigger " << name;
    static const TriggerSite none;
    return none;
  }
};

TEST_P(DwarfCxx, ReadsBasesFirstAndLeavesOutVtablePointersAndStatics) {
  const ns::Derived object;
  const Type& derived = named("ns::Derived");
  ASSERT_EQ(derived.members.size(), 6u);
  EXPECT_EQ(derived.size, sizeof(ns::Derived));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(derived.members[i].is_base);
  EXPECT_EQ(derived.members[0].name, "ns::Base");
  EXPECT_EQ(derived.members[0].offset, offset_of(object, static_cast<const ns::Base&>(object)));
  EXPECT_EQ(derived.members[1].name, "ns::Second");
  EXPECT_EQ(derived.members[1].offset, offset_of(object, static_cast<const ns::Second&>(object)));
  EXPECT_EQ(derived.members[2].name, "ns::Empty");
  expect_member(derived, "derived_value", offset_of(object, object.derived_value), 2);
  expect_member(derived, "level", offset_of(object, object.level), 1);
  expect_member(derived, "signed_level", offset_of(object, object.signed_level), 2);
  const Type& base = named("ns::Base");
  ASSERT_EQ(base.members.size(), 1u);
  expect_member(base, "base_value", offset_of(object, object.base_value), 4);
}

TEST_P(DwarfCxx, FlagsVirtualBases) {
  const Type& diamond = type_of("ns::diamond");
  const ns::Diamond object;
  ASSERT_EQ(diamond.members.size(), 3u);
  EXPECT_TRUE(diamond.members[0].is_base);
  EXPECT_FALSE(diamond.members[0].is_virtual_base);
  EXPECT_EQ(diamond.members[1].name, "ns::Shared");
  EXPECT_TRUE(diamond.members[1].is_virtual_base);
  expect_member(diamond, "diamond_value", offset_of(object, object.diamond_value), 4);
}

TEST_P(DwarfCxx, NamesNestedTypesWithWhatTheyStandIn) {
  EXPECT_EQ(named("ns::Outer").record, RecordKind::class_);
  EXPECT_EQ(named("ns::Outer::Inner").size, sizeof(ns::Outer::Inner));
  EXPECT_EQ(named("ns::Outer::Inner::Deepest").size, 1u);
  EXPECT_EQ(named("enum ns::Outer::Color").enumerators.at(1).name, "green");
  EXPECT_EQ(type_of("later").name, "ns::Outer::Later") << "defined outside of its class";
  EXPECT_EQ(type_of("hidden").name, "(anonymous namespace)::Hidden");
  EXPECT_EQ(catalog_->find("Inner"), 0u);
}

TEST_P(DwarfCxx, ReadsReferencesAndPointersToMembers) {
  int target = 0;
  const ns::Outer object{target};
  const Type& outer = type_of("outer");
  EXPECT_EQ(outer.size, sizeof(ns::Outer));
  EXPECT_EQ(spelled(outer, "reference"), "int &");
  const bool knows_moves = path().find("dwarf3") == std::string::npos;
  EXPECT_EQ(spelled(outer, "moved"), knows_moves ? "int &&" : "int &");
  EXPECT_EQ(type(member(outer, "reference").type).kind, Kind::pointer);
  expect_member(outer, "data_member", offset_of(object, object.data_member), sizeof(object.data_member));
  EXPECT_EQ(type(member(outer, "data_member").type).kind, Kind::opaque);
  EXPECT_EQ(member(outer, "function_member").offset, offset_of(object, object.function_member));
  EXPECT_EQ(type(member(outer, "function_member").type).size, sizeof(object.function_member));
  expect_member(outer, "nothing", offset_of(object, object.nothing), sizeof(object.nothing));
  expect_member(outer, "utf16", offset_of(object, object.utf16), 2);
  EXPECT_EQ(type(member(outer, "utf16").type).kind, Kind::integer);
  EXPECT_FALSE(type(member(outer, "utf32").type).is_signed);
  EXPECT_EQ(member(outer, "flag").bit_size, 1u);
  EXPECT_EQ(member(outer, "count").bit_size, 7u);
  EXPECT_EQ(member(outer, "count").bit_offset, member(outer, "flag").bit_offset + 1);
  const Type& later = type(type(member(outer, "later").type).target);
  EXPECT_EQ(later.name, "ns::Outer::Later");
  EXPECT_FALSE(later.is_declaration);
}

TEST_P(DwarfCxx, ReadsScopedEnumerations) {
  const Type& level = named("ns::Level");
  EXPECT_EQ(level.kind, Kind::enumeration);
  EXPECT_EQ(level.size, 1u);
  EXPECT_FALSE(level.is_signed);
  EXPECT_EQ(level.enumerators.at(1).value, 200);
  const Type& with_sign = named("ns::Signed");
  EXPECT_EQ(with_sign.size, 2u);
  EXPECT_TRUE(with_sign.is_signed);
  EXPECT_EQ(with_sign.enumerators.at(0).value, -1);
}

TEST_P(DwarfCxx, ReadsInstancesOfTemplates) {
  EXPECT_EQ(type_of("ns::box").name, "ns::Box<ns::Outer::Inner, 3>");
  EXPECT_EQ(type_of("ns::box").size, sizeof(ns::Box<ns::Outer::Inner, 3>));
  EXPECT_EQ(type_of("ns::levels").name, "ns::Box<ns::Level, 2>");
  EXPECT_EQ(spelled(type_of("ns::levels"), "values"), "enum ns::Level [2]");
}

TEST_P(DwarfCxx, TakesTheDefinitionFromTheSameNamespace) {
  const Type& elsewhere = type(type_of("elsewhere").target);
  EXPECT_EQ(elsewhere.name, "ns::Elsewhere");
  EXPECT_FALSE(elsewhere.is_declaration);
  ASSERT_EQ(elsewhere.members.size(), 2u);
  EXPECT_EQ(elsewhere.members[0].name, "found");
}

TEST_P(DwarfCxx, FindsTriggersInTemplatesLambdasMembersAndInlineFunctions) {
  EXPECT_EQ(catalog_->spelling(trigger("in_inline").arguments.at(0).type), "int");
  EXPECT_EQ(trigger("in_inline").arguments.at(1).name, "++calls");
  std::vector<std::string> instances{catalog_->spelling(trigger("in_template", 0).arguments.at(0).type),
                                     catalog_->spelling(trigger("in_template", 1).arguments.at(0).type)};
  std::sort(instances.begin(), instances.end());
  EXPECT_EQ(instances, (std::vector<std::string>{"double", "int"}));
  const TriggerSite& member_function = trigger("in_member");
  ASSERT_EQ(member_function.arguments.size(), 3u);
  EXPECT_EQ(catalog_->spelling(member_function.arguments[0].type), "struct Machine *");
  EXPECT_EQ(type(member_function.arguments[2].type).name, "ns::Derived");
  const TriggerSite& lambda = trigger("in_lambda");
  ASSERT_EQ(lambda.arguments.size(), 3u);
  EXPECT_EQ(lambda.arguments[2].name, "derived.level");
  const Type& local = type(lambda.arguments[1].type);
  EXPECT_EQ(local.name, "Local");
  EXPECT_EQ(type(local.members.at(1).type).name, "Local::Within");
  EXPECT_EQ(trigger("none").arguments_size, 0u);
}

TEST_P(DwarfCxx, FindsMarksInNamespacesClassesAndInlineFunctions) {
  std::vector<std::string> names;
  for (const Mark& each : catalog_->marks) {
    names.push_back(each.name);
    EXPECT_GT(each.line, 0u);
    EXPECT_TRUE(each.file.ends_with("dwarf_subject.cpp")) << each.file;
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"calls", "elsewhere", "hidden", "later", "ns::Base::shared",
                                             "ns::box", "ns::diamond", "ns::levels", "outer"}));
}

INSTANTIATE_TEST_SUITE_P(Forms, DwarfCxx, testing::Values(VMITAP_CXX_SUBJECTS), subject_name);

}  // namespace
}  // namespace vmitap::types
