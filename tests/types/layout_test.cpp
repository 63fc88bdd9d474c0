// SPDX-License-Identifier: MIT
#include "types/layout.hpp"

#include <gtest/gtest.h>

namespace vmitap::types {
namespace {

class Layout : public testing::Test {
 protected:
  TypeId add(Type type) {
    catalog_.types.push_back(std::move(type));
    return static_cast<TypeId>(catalog_.types.size() - 1);
  }
  TypeId add(Kind kind, std::string name, TypeId target = 0, std::uint64_t count = 0) {
    Type type;
    type.kind = kind;
    type.name = std::move(name);
    type.target = target;
    type.count = count;
    return add(std::move(type));
  }
  TypeId record(RecordKind kind, std::string name, bool declaration = false) {
    Type type;
    type.kind = Kind::record;
    type.record = kind;
    type.name = std::move(name);
    type.is_declaration = declaration;
    return add(std::move(type));
  }

  Catalog catalog_;
  TypeId int_ = add(Kind::integer, "int");
};

TEST_F(Layout, StripFollowsTypedefsAndQualifiersToTheirEnd) {
  const TypeId u8 = add(Kind::typedef_, "u8_t", add(Kind::typedef_, "", int_));
  EXPECT_EQ(catalog_.strip(u8), int_);
  EXPECT_EQ(catalog_.strip(int_), int_);
  EXPECT_EQ(catalog_.strip(0), 0u);
}

TEST_F(Layout, StripEndsOnATypedefOfItself) {
  const TypeId loop = add(Kind::typedef_, "loop");
  catalog_.types[loop].target = loop;
  EXPECT_EQ(catalog_.strip(loop), loop);
  EXPECT_FALSE(catalog_.spelling(loop).empty());
}

TEST_F(Layout, FindsATypeByItsNameWithAndWithoutItsKeyword) {
  const TypeId pcb = record(RecordKind::struct_, "tcp_pcb");
  const TypeId ip = record(RecordKind::union_, "ip");
  const TypeId state = add(Kind::enumeration, "tcp_state");
  const TypeId u16 = add(Kind::typedef_, "u16_t", int_);
  const TypeId nested = record(RecordKind::class_, "ns::Class");
  EXPECT_EQ(catalog_.find("tcp_pcb"), pcb);
  EXPECT_EQ(catalog_.find("struct tcp_pcb"), pcb);
  EXPECT_EQ(catalog_.find("struct  tcp_pcb"), pcb);
  EXPECT_EQ(catalog_.find("union tcp_pcb"), 0u);
  EXPECT_EQ(catalog_.find("union ip"), ip);
  EXPECT_EQ(catalog_.find("enum tcp_state"), state);
  EXPECT_EQ(catalog_.find("u16_t"), u16);
  EXPECT_EQ(catalog_.find("struct u16_t"), 0u);
  EXPECT_EQ(catalog_.find("ns::Class"), nested);
  EXPECT_EQ(catalog_.find("::ns::Class"), nested);
  EXPECT_EQ(catalog_.find("struct ns::Class"), nested);
  EXPECT_EQ(catalog_.find("int"), 0u);
  EXPECT_EQ(catalog_.find(""), 0u);
  EXPECT_EQ(catalog_.find("struct "), 0u);
}

TEST_F(Layout, FindPrefersADefinitionToADeclaration) {
  const TypeId declaration = record(RecordKind::struct_, "pbuf", true);
  EXPECT_EQ(catalog_.find("pbuf"), declaration);
  const TypeId definition = record(RecordKind::struct_, "pbuf");
  EXPECT_EQ(catalog_.find("pbuf"), definition);
}

TEST_F(Layout, FindTakesTheTypedefWhereTagAndTypedefDiffer) {
  record(RecordKind::struct_, "point");
  const TypeId other = record(RecordKind::struct_, "other");
  const TypeId alias = add(Kind::typedef_, "point", other);
  EXPECT_EQ(catalog_.find("point"), alias);
  EXPECT_NE(catalog_.find("struct point"), alias);
}

TEST_F(Layout, SpellsTypesAsCWritesThem) {
  const TypeId pcb = record(RecordKind::struct_, "tcp_pcb");
  const TypeId pointer = add(Kind::pointer, "", pcb);
  const TypeId rows = add(Kind::array, "", add(Kind::array, "", int_, 4), 3);
  const TypeId function = add(Kind::function, "");
  EXPECT_EQ(catalog_.spelling(0), "void");
  EXPECT_EQ(catalog_.spelling(int_), "int");
  EXPECT_EQ(catalog_.spelling(pcb), "struct tcp_pcb");
  EXPECT_EQ(catalog_.spelling(pointer), "struct tcp_pcb *");
  EXPECT_EQ(catalog_.spelling(add(Kind::pointer, "", pointer)), "struct tcp_pcb **");
  EXPECT_EQ(catalog_.spelling(rows), "int [3][4]");
  EXPECT_EQ(catalog_.spelling(add(Kind::pointer, "", rows)), "int (*)[3][4]");
  EXPECT_EQ(catalog_.spelling(add(Kind::array, "", pointer, 2)), "struct tcp_pcb *[2]");
  EXPECT_EQ(catalog_.spelling(add(Kind::pointer, "", function)), "void (*)()");
  EXPECT_EQ(catalog_.spelling(add(Kind::array, "", add(Kind::pointer, "", function), 8)), "void (*[8])()");
  EXPECT_EQ(catalog_.spelling(add(Kind::pointer, "&", pcb)), "struct tcp_pcb &");
  EXPECT_EQ(catalog_.spelling(add(Kind::typedef_, "", pointer)), "struct tcp_pcb *");
  EXPECT_EQ(catalog_.spelling(add(Kind::typedef_, "pcb_t", pcb)), "pcb_t");
  EXPECT_EQ(catalog_.spelling(record(RecordKind::union_, "")), "union {...}");
  Type flexible;
  flexible.kind = Kind::array;
  flexible.is_flexible = true;
  flexible.target = int_;
  EXPECT_EQ(catalog_.spelling(add(flexible)), "int []");
}

}  // namespace
}  // namespace vmitap::types
