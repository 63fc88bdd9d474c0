// SPDX-License-Identifier: MIT
// The layouts of this test's own types, as vmitap prints them.
#include "cli/layout_text.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "base/error_text.hpp"
#include "types/object.hpp"

extern "C" {
struct LayoutSample {
  char letter;
  int number;
  unsigned low : 3;
  unsigned high : 7;
  uint16_t table[3][4];
  union {
    double real;
    struct {
      char first;
      int16_t second;
    };
  };
  void (*callback)(int);
  char last;
};
enum LayoutColour { LAYOUT_RED = -1, LAYOUT_BLUE = 5 };
typedef struct {
  struct LayoutSample* next;
} LayoutAlias;
}

LayoutSample layout_sample;
LayoutColour layout_colour = LAYOUT_BLUE;
LayoutAlias layout_alias;

namespace vmitap::cli {
namespace {

const types::Catalog& own_types() {
  static const auto loaded =
      types::load_object("/proc/self/exe", {.debug_dirs = {}, .build_id = "", .all_types = true});
  EXPECT_TRUE(loaded.has_value()) << describe(loaded.error());
  return **loaded;
}

std::string text_of(const char* name) { return layout_text(own_types(), own_types().find(name)); }

TEST(LayoutText, ShowsMembersOffsetsHolesAndPadding) {
  EXPECT_EQ(text_of("LayoutSample"),
            "struct LayoutSample {                                /* 64 bytes */\n"
            "    char letter;                                     /*     0       1 */\n"
            "    /* hole of 3 bytes */\n"
            "    int number;                                      /*     4       4 */\n"
            "    unsigned int low : 3;                            /*     8:0     3 bits */\n"
            "    unsigned int high : 7;                           /*     8:3     7 bits */\n"
            "    /* hole of 6 bits */\n"
            "    uint16_t table[3][4];                            /*    10      24 */\n"
            "    /* hole of 6 bytes */\n"
            "    union {                                          /* 8 bytes */\n"
            "        double real;                                 /*    40       8 */\n"
            "        struct {                                     /* 4 bytes */\n"
            "            char first;                              /*    40       1 */\n"
            "            /* hole of 1 byte */\n"
            "            int16_t second;                          /*    42       2 */\n"
            "        };                                           /*    40       4 */\n"
            "    };                                               /*    40       8 */\n"
            "    void (*callback)();                              /*    48       8 */\n"
            "    char last;                                       /*    56       1 */\n"
            "    /* padding of 7 bytes */\n"
            "};\n");
}

TEST(LayoutText, ShowsEnumeratorsWithTheirValues) {
  const std::string text = text_of("LayoutColour");
  EXPECT_NE(text.find("    LAYOUT_RED = -1,\n    LAYOUT_BLUE = 5,\n"), std::string::npos) << text;
}

TEST(LayoutText, UnfoldsATypedefOfAnUnnamedStruct) {
  const std::string text = text_of("LayoutAlias");
  EXPECT_NE(text.find("struct LayoutSample *next;"), std::string::npos) << text;
  EXPECT_NE(text.find("LayoutAlias"), std::string::npos) << text;
}

TEST(LayoutJson, GivesOffsetsThatTheCompilerGives) {
  const auto json = layout_json(own_types(), own_types().find("LayoutSample"));
  EXPECT_EQ(json["size"], sizeof(LayoutSample));
  const auto& members = json["members"];
  ASSERT_EQ(members.size(), 8u);
  EXPECT_EQ(members[1]["name"], "number");
  EXPECT_EQ(members[1]["offset"], offsetof(LayoutSample, number));
  EXPECT_EQ(members[3]["name"], "high");
  EXPECT_EQ(members[3]["bit_offset"], 67);
  EXPECT_EQ(members[3]["bit_size"], 7);
  EXPECT_EQ(members[4]["offset"], offsetof(LayoutSample, table));
  EXPECT_EQ(members[5]["members"][1]["members"][1]["name"], "second");
  EXPECT_EQ(members[5]["members"][1]["members"][1]["offset"], 2);
}

TEST(LayoutDefinitions, ListsNamedTypesByNameAndLeavesOutDeclarations) {
  std::vector<std::string> ours;
  for (const types::TypeId id : definitions(own_types())) {
    const std::string& name = own_types()[id].name;
    if (name.starts_with("Layout") && name.find(':') == name.npos && name != "LayoutText")
      ours.push_back(name);
  }
  EXPECT_NE(std::ranges::find(ours, "LayoutAlias"), ours.end());
  EXPECT_NE(std::ranges::find(ours, "LayoutColour"), ours.end());
  EXPECT_NE(std::ranges::find(ours, "LayoutSample"), ours.end());
  EXPECT_TRUE(std::ranges::is_sorted(ours));
}

}  // namespace
}  // namespace vmitap::cli
