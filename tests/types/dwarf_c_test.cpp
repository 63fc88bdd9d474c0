// SPDX-License-Identifier: MIT
// dwarf_subject.c in every form of DWARF, against the layout that this compiler gives dwarf_subject.h.
#include "dwarf_subject.h"

#include <set>

#include "dwarf_test_support.hpp"
#include "types/elf_file.hpp"

namespace vmitap::types {
namespace {

#define EXPECT_MEMBER(record, name) \
  expect_member(named("struct " #record), #name, offsetof(struct record, name), sizeof(record::name))

class DwarfC : public Subject {};

TEST_P(DwarfC, ReadsEveryScalarWithItsKindAndSign) {
  const Type& scalars = named("struct scalars");
  EXPECT_EQ(scalars.size, sizeof(struct scalars));
  EXPECT_EQ(scalars.members.size(), 21u);
  const auto expect = [&](const char* name, Kind kind, std::size_t size, bool is_signed) {
    const Type& found = type(member(scalars, name).type);
    EXPECT_EQ(found.kind, kind) << name;
    EXPECT_EQ(found.size, size) << name;
    EXPECT_EQ(found.is_signed, is_signed) << name;
  };
  expect("character", Kind::character, 1, true);
  expect("signed_character", Kind::integer, 1, true);
  expect("unsigned_character", Kind::integer, 1, false);
  expect("short_number", Kind::integer, 2, true);
  expect("unsigned_short", Kind::integer, 2, false);
  expect("number", Kind::integer, 4, true);
  expect("unsigned_number", Kind::integer, 4, false);
  expect("long_number", Kind::integer, 8, true);
  expect("unsigned_long", Kind::integer, 8, false);
  expect("long_long", Kind::integer, 8, true);
  expect("wide", Kind::integer, 16, true);
  expect("unsigned_wide", Kind::integer, 16, false);
  expect("truth", Kind::boolean, 1, false);
  expect("single_float", Kind::floating, 4, false);
  expect("double_float", Kind::floating, 8, false);
  expect("extended_float", Kind::floating, 16, false);
  expect("wide_character", Kind::integer, sizeof(wchar_t), true);
  expect("port", Kind::integer, 2, false);
  expect("state", Kind::enumeration, 4, false);
  expect("negative", Kind::enumeration, 4, true);
  expect("huge", Kind::enumeration, 8, false);
  EXPECT_MEMBER(scalars, character);
  EXPECT_MEMBER(scalars, wide);
  EXPECT_MEMBER(scalars, unsigned_wide);
  EXPECT_MEMBER(scalars, truth);
  EXPECT_MEMBER(scalars, extended_float);
  EXPECT_MEMBER(scalars, wide_character);
  EXPECT_MEMBER(scalars, port);
  EXPECT_MEMBER(scalars, huge);
  EXPECT_EQ(spelled(scalars, "port"), "port_t");
  EXPECT_EQ(type(member(scalars, "extended_float").type).name, "long double");
}

TEST_P(DwarfC, ReadsEnumeratorsWithTheirValues) {
  const auto values = [&](const char* name) {
    std::vector<std::pair<std::string, std::int64_t>> found;
    for (const Enumerator& each : named(name).enumerators) found.emplace_back(each.name, each.value);
    return found;
  };
  using Values = std::vector<std::pair<std::string, std::int64_t>>;
  EXPECT_EQ(values("enum tcp_state"),
            (Values{{"CLOSED", 0}, {"LISTEN", 1}, {"SYN_SENT", 2}, {"TIME_WAIT", 10}, {"LARGE", 200}}));
  EXPECT_EQ(values("with_negative"), (Values{{"MINUS", -5}, {"PLUS", 5}, {"WIDE", 300}}));
  EXPECT_EQ(values("enum with_64_bits"), (Values{{"HUGE_VALUE", 0x123456789abcdef0}}));
}

TEST_P(DwarfC, ReadsPointersToAnything) {
  const Type& pointers = named("struct pointers");
  EXPECT_MEMBER(pointers, any);
  EXPECT_MEMBER(pointers, functions);
  EXPECT_MEMBER(pointers, qualified);
  EXPECT_EQ(spelled(pointers, "any"), "void *");
  EXPECT_EQ(spelled(pointers, "text"), "char *");
  EXPECT_EQ(spelled(pointers, "twice"), "int **");
  EXPECT_EQ(spelled(pointers, "node"), "struct node *");
  EXPECT_EQ(spelled(pointers, "function"), "int (*)()");
  EXPECT_EQ(spelled(pointers, "functions"), "void (*[4])()");
  EXPECT_EQ(spelled(pointers, "row"), "int (*)[3]");
  EXPECT_EQ(spelled(pointers, "qualified"), "int *");
}

TEST_P(DwarfC, FindsTheDefinitionOfADeclaredStructInAnotherUnit) {
  const Type& pointers = named("struct pointers");
  const Type& elsewhere = type(type(member(pointers, "elsewhere").type).target);
  EXPECT_FALSE(elsewhere.is_declaration);
  EXPECT_EQ(elsewhere.size, 16u);
  EXPECT_EQ(elsewhere.members.size(), 2u);
  const Type& nowhere = type(type(member(pointers, "nowhere").type).target);
  EXPECT_EQ(nowhere.name, "nowhere");
  EXPECT_TRUE(nowhere.is_declaration);
  EXPECT_EQ(nowhere.size, 0u);
}

TEST_P(DwarfC, ReadsTypesThatPointAtEachOther) {
  const Type& node = named("struct node");
  EXPECT_EQ(node.size, sizeof(struct node));
  EXPECT_EQ(&type(type(member(node, "next").type).target), &node);
  EXPECT_EQ(&type(type(member(node, "pointers").type).target), &named("struct pointers"));
}

TEST_P(DwarfC, ReadsArraysOfAnyRank) {
  const Type& arrays = type_of("arrays");
  EXPECT_EQ(arrays.size, sizeof(struct arrays));
  EXPECT_MEMBER(arrays, line);
  EXPECT_MEMBER(arrays, table);
  EXPECT_MEMBER(arrays, cube);
  EXPECT_MEMBER(arrays, nodes);
  EXPECT_MEMBER(arrays, name);
  EXPECT_EQ(spelled(arrays, "line"), "int [5]");
  EXPECT_EQ(spelled(arrays, "table"), "int [2][3]");
  EXPECT_EQ(spelled(arrays, "cube"), "float [2][3][4]");
  EXPECT_EQ(spelled(arrays, "nodes"), "struct node [2]");
  EXPECT_EQ(spelled(arrays, "ports"), "port_t [3]");
  const Type& cube = type(member(arrays, "cube").type);
  EXPECT_EQ(cube.count, 2u);
  EXPECT_EQ(type(cube.target).count, 3u);
  EXPECT_EQ(type(type(cube.target).target).count, 4u);
  EXPECT_EQ(type(type(member(arrays, "name").type).target).kind, Kind::character);
  for (const char* name : {"none", "tail"}) {
    EXPECT_TRUE(type(member(arrays, name).type).is_flexible) << name;
    EXPECT_EQ(type(member(arrays, name).type).size, 0u) << name;
  }
  EXPECT_EQ(member(arrays, "tail").offset, offsetof(struct arrays, tail));
}

TEST_P(DwarfC, ReadsNestedAndAnonymousMembers) {
  const Type& nested = named("struct nested");
  ASSERT_EQ(nested.members.size(), 6u);
  EXPECT_EQ(nested.size, sizeof(struct nested));
  const Type& anonymous = type(nested.members[1].type);
  EXPECT_EQ(nested.members[1].name, "");
  EXPECT_EQ(nested.members[1].offset, offsetof(struct nested, in_struct));
  EXPECT_EQ(anonymous.record, RecordKind::struct_);
  const Type& choice = type(anonymous.members.at(1).type);
  EXPECT_EQ(choice.record, RecordKind::union_);
  EXPECT_EQ(choice.members.size(), 2u);
  EXPECT_EQ(choice.members[1].name, "as_float");
  EXPECT_EQ(choice.members[1].offset, 0u);
  EXPECT_MEMBER(nested, named);
  EXPECT_MEMBER(nested, several);
  EXPECT_MEMBER(nested, inner);
  EXPECT_EQ(spelled(nested, "inner"), "struct inner");
  EXPECT_EQ(nested.members[5].offset, offsetof(struct nested, both));
}

#define EXPECT_BITS(record, field, ...)                                \
  expect_bits<struct record>(member(named("struct " #record), #field), \
                             [](auto& it) { it.field = __VA_ARGS__; })

TEST_P(DwarfC, ReadsBitFieldsWhereTheCompilerPutsThem) {
  EXPECT_EQ(named("struct bits").members.size(), 12u);
  EXPECT_BITS(bits, a, -1);
  EXPECT_BITS(bits, b, 0x1f);
  EXPECT_BITS(bits, c, 0xfffff);
  EXPECT_BITS(bits, d, -1);
  EXPECT_BITS(bits, e, 0xffffffffff);
  EXPECT_BITS(bits, f, 3);
  EXPECT_BITS(bits, g, true);
  EXPECT_BITS(bits, h, static_cast<enum tcp_state>(0xff));
  EXPECT_BITS(bits, i, 0x7fff);
  EXPECT_BITS(bits, j, -1);
  EXPECT_BITS(bits, k, 0x7fffffff);
  EXPECT_MEMBER(bits, plain);
}

TEST_P(DwarfC, ReadsBitFieldsOfPackedStructs) {
  EXPECT_EQ(named("struct packed_bits").size, sizeof(struct packed_bits));
  EXPECT_BITS(packed_bits, a, 0x1ffff);
  EXPECT_BITS(packed_bits, b, 0x1fffffffffff);
  EXPECT_BITS(packed_bits, d, -1);
  EXPECT_BITS(packed_bits, e, 0x7fffffff);
  const Member& misaligned = member(named("struct packed_bits"), "misaligned");
  EXPECT_EQ(misaligned.offset, offsetof(struct packed_bits, misaligned));
}

TEST_P(DwarfC, ReadsAlignedStructsAndUnions) {
  EXPECT_EQ(named("struct aligned").size, sizeof(struct aligned));
  EXPECT_MEMBER(aligned, far_off);
  const Type& number = named("union number");
  EXPECT_EQ(number.record, RecordKind::union_);
  EXPECT_EQ(number.size, sizeof(union number));
  ASSERT_EQ(number.members.size(), 4u);
  for (const Member& each : number.members) EXPECT_EQ(each.offset, 0u);
  EXPECT_EQ(number.members[3].bit_size, 11u);
}

TEST_P(DwarfC, ReadsWhatOnlyCHas) {
  const Type& only_c = type_of("only_c");
  ASSERT_EQ(only_c.members.size(), 4u);
  EXPECT_EQ(type(only_c.members[0].type).kind, Kind::integer);
  EXPECT_EQ(type(only_c.members[1].type).kind, Kind::pointer);
  EXPECT_EQ(type(only_c.members[2].type).kind, Kind::opaque);
  EXPECT_EQ(type(only_c.members[2].type).size, 16u);
  EXPECT_EQ(type(only_c.members[3].type).kind, Kind::array);
  EXPECT_EQ(type(only_c.members[3].type).count, 4u);
}

TEST_P(DwarfC, ReadsATypeOfTwoUnitsOnce) {
  const auto all = load_object(path(), {.debug_dirs = {}, .build_id = {}, .all_types = true});
  ASSERT_TRUE(all);
  int everything = 0;
  int nodes = 0;
  for (const Type& each : (*all)->types) {
    everything += each.name == "everything";
    nodes += each.name == "node" && each.kind == Kind::record;
  }
  EXPECT_EQ(everything, 1);
  EXPECT_EQ(nodes, 2) << "two different types are called node";
  EXPECT_EQ((**all)[(*all)->find("struct scalars")].members.size(), 21u);
}

TEST_P(DwarfC, FindsMarksWithTypeAndPlace) {
  std::vector<std::string> names;
  for (const Mark& each : catalog_->marks) names.push_back(each.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"answer", "arrays", "connection_state", "everything", "exported",
                                             "local", "names", "only_c"}));
  EXPECT_EQ(type_of("everything").size, sizeof(struct everything));
  EXPECT_EQ(catalog_->spelling(mark("names").type), "char *[3]");
  EXPECT_EQ(catalog_->spelling(mark("connection_state").type), "enum tcp_state");
  EXPECT_EQ(catalog_->spelling(mark("local").type), "double");
  EXPECT_TRUE(mark("answer").file.ends_with("dwarf_subject.c")) << mark("answer").file;
  EXPECT_EQ(mark("arrays").line, mark("everything").line + 1);
}

bool is_module(std::string_view form) { return form.find("module") != std::string_view::npos; }

TEST_P(DwarfC, KnowsWhereTheVariableOfAMarkStands) {
  const auto file = ElfFile::open(path());
  ASSERT_TRUE(file);
  ASSERT_EQ(file->is_relocatable(), is_module(GetParam()));
  if (file->is_relocatable()) {  // only the running guest does
    for (const Mark& each : catalog_->marks) EXPECT_EQ(each.variable.value, 0u) << each.name;
    return;
  }
  std::uint32_t value = 0;
  ASSERT_TRUE(file->read(mark("answer").variable, std::as_writable_bytes(std::span{&value, 1})));
  EXPECT_EQ(value, 0x1234abcdu);
  const std::uint64_t start = mark("everything").variable.value;
  EXPECT_EQ(mark("connection_state").variable.value,
            start + offsetof(struct everything, scalars) + offsetof(struct scalars, state));
  // Another object may take the place of what a shared object exports.
  const std::string_view form = GetParam();
  const bool is_program = form.ends_with("executable") || form.ends_with("pie");
  EXPECT_EQ(mark("exported").variable.value != 0, is_program);
}

TEST_P(DwarfC, FindsTriggersWithTheirArguments) {
  int segments = 0;
  int inlined = 0;
  int none = 0;
  for (const TriggerSite& site : catalog_->triggers) {
    EXPECT_TRUE(is_module(GetParam()) || site.descriptor.value != 0);
    EXPECT_GT(site.line, 0u);
    EXPECT_TRUE(site.file.ends_with("dwarf_subject.c")) << site.file;
    if (site.name == "none") {
      ++none;
      EXPECT_TRUE(site.arguments.empty());
      EXPECT_EQ(site.arguments_size, 0u);
    } else if (site.name == "inlined") {
      ++inlined;
      ASSERT_EQ(site.arguments.size(), 1u);
      EXPECT_EQ(site.arguments[0].name, "depth");
    } else if (site.arguments.size() == 1) {
      ++segments;
      EXPECT_EQ(site.arguments[0].name, "node->next");
      EXPECT_EQ(catalog_->spelling(site.arguments[0].type), "struct node *");
    } else {
      ++segments;
      ASSERT_EQ(site.arguments.size(), 4u);
      EXPECT_EQ(site.arguments[1].name, "length");
      EXPECT_EQ(site.arguments[1].offset, 8u);
      EXPECT_EQ(site.arguments[2].name, "everything.nested");
      EXPECT_EQ(catalog_->spelling(site.arguments[2].type), "struct nested");
      EXPECT_EQ(catalog_->spelling(site.arguments[3].type), "char [8]");
      EXPECT_GE(site.arguments_size, sizeof(struct nested) + 20);
    }
  }
  EXPECT_EQ(segments, 2);
  EXPECT_EQ(inlined, 1) << "one static descriptor, however often the function is inlined";
  EXPECT_EQ(none, 1);
}

// The running guest reports where each one stands.
TEST_P(DwarfC, TellsTheDescriptorsApart) {
  std::set<std::uint64_t> places;
  for (const TriggerSite& site : catalog_->triggers) places.insert(site.descriptor.value);
  for (const Mark& each : catalog_->marks) places.insert(each.descriptor.value);
  EXPECT_EQ(places.size(), catalog_->triggers.size() + catalog_->marks.size());
  if (is_module(GetParam())) {
    EXPECT_EQ(*places.begin(), 0u) << "offsets in the section vmitap_sites";
    EXPECT_LT(*places.rbegin(), 0x1000u);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, DwarfC, testing::Values(VMITAP_C_SUBJECTS), subject_name);

}  // namespace
}  // namespace vmitap::types
