// SPDX-License-Identifier: MIT
#include "types/schema.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>

#include "schema_catalog.hpp"
#include "schema_decoded.hpp"

namespace vmitap::types {
namespace {

namespace pb = google::protobuf;

class Schema : public testing::Test {
 protected:
  template <class T>
  std::string json(TypeId type, const T& data) {
    return json_of(types_.shared(), type, data);
  }
  RuleSchema schema(TypeId type, std::string expression = "v", std::string rule = "rule") {
    const Value value = value_of(types_.shared(), type, std::move(expression));
    auto made = make_schema(rule, nullptr, {}, 0, {&value, 1});
    EXPECT_TRUE(made);
    return made ? std::move(*made) : RuleSchema{};
  }
  // The rule's own file, checked by a pool.
  pb::FileDescriptorProto file(TypeId type) {
    const RuleSchema made = schema(type);
    Decoded{made, BackWriter{}};
    return made.files.file(made.files.file_size() - 1);
  }
  const pb::DescriptorProto& message(const pb::FileDescriptorProto& file, std::string_view name) {
    for (const auto& each : file.message_type()) {
      if (each.name() == name) return each;
    }
    ADD_FAILURE() << "no message " << name;
    return file.message_type(0);
  }

  CatalogMaker types_;
  TypeId char_ = types_.character();
  TypeId int_ = types_.integer("int", 4, true);
  TypeId unsigned_ = types_.integer("unsigned int", 4, false);
  TypeId u8_ = types_.integer("unsigned char", 1, false);
  TypeId u16_ = types_.integer("unsigned short", 2, false);
  TypeId s64_ = types_.integer("long int", 8, true);
  TypeId u64_ = types_.integer("long unsigned int", 8, false);
  TypeId bool_ = types_.boolean();
};

TEST_F(Schema, WritesIntegersOfEverySizeAtTheirLimits) {
  const TypeId s8 = types_.integer("signed char", 1, true);
  const TypeId s16 = types_.integer("short", 2, true);
  EXPECT_EQ(json(s8, std::int8_t{-128}), "-128");
  EXPECT_EQ(json(u8_, std::uint8_t{255}), "255");
  EXPECT_EQ(json(s16, std::int16_t{-32768}), "-32768");
  EXPECT_EQ(json(u16_, std::uint16_t{65535}), "65535");
  EXPECT_EQ(json(int_, std::numeric_limits<int>::min()), "-2147483648");
  EXPECT_EQ(json(int_, std::numeric_limits<int>::max()), "2147483647");
  EXPECT_EQ(json(unsigned_, 0xffffffffu), "4294967295");
  EXPECT_EQ(json(s64_, std::numeric_limits<std::int64_t>::min()), "\"-9223372036854775808\"");
  EXPECT_EQ(json(u64_, std::numeric_limits<std::uint64_t>::max()), "\"18446744073709551615\"");
}

TEST_F(Schema, WritesZeroesAsTheyAreValuesToo) {
  const TypeId record = types_.record("zeroes", {{"number", int_},
                                                 {"flag", bool_},
                                                 {"real", types_.floating("double", 8)},
                                                 {"text", types_.array(char_, 4)},
                                                 {"pointer", types_.pointer(0)}});
  EXPECT_EQ(json(record, std::array<char, 32>{}),
            R"({"number":0,"flag":false,"real":0,"text":"","pointer":"0"})");
}

TEST_F(Schema, WritesEveryByteOfATruthThatIsNotZeroAsTrue) {
  EXPECT_EQ(json(bool_, std::uint8_t{2}), "true");
  EXPECT_EQ(json(bool_, std::uint8_t{0}), "false");
}

TEST_F(Schema, WritesFloatingPointOfEverySize) {
  EXPECT_EQ(json(types_.floating("float", 4), 1.5f), "1.5");
  EXPECT_EQ(json(types_.floating("double", 8), -0.1), "-0.1");
  EXPECT_EQ(json(types_.floating("long double", 16), 0.1L), "0.1");
  EXPECT_EQ(json(types_.floating("_Float128", 16), __float128{0.25}), "0.25");
  EXPECT_EQ(json(types_.floating("double", 8), std::numeric_limits<double>::infinity()), "\"Infinity\"");
}

TEST_F(Schema, WritesIntegersOf128BitsAsTheirHalves) {
  const __int128 value = -(__int128{1} << 64) - 2;
  EXPECT_EQ(json(types_.integer("__int128", 16, true), value),
            R"({"high":"-2","low":"18446744073709551614"})");
  EXPECT_EQ(json(types_.integer("unsigned __int128", 16, false), static_cast<unsigned __int128>(5)),
            R"({"low":"5"})");
}

TEST_F(Schema, WritesPointersAndReferencesAsAddresses) {
  const TypeId pointer = types_.pointer(int_);
  EXPECT_EQ(json(pointer, std::uint64_t{0x7fff00001234}), "\"140733193392692\"");
  const TypeId record = types_.record("refs", {{"p", pointer}, {"several", types_.array(pointer, 2)}});
  const auto made = file(record);
  for (const auto& field : message(made, "refs").field()) {
    EXPECT_EQ(field.type(), pb::FieldDescriptorProto::TYPE_FIXED64);
    EXPECT_TRUE(field.options().GetExtension(vmitap::address));
  }
}

TEST_F(Schema, WritesTextUpToItsEnd) {
  const TypeId text = types_.array(char_, 8);
  EXPECT_EQ(json(text, std::array<char, 8>{'a', 'b', 0, 'x'}), "\"ab\"");
  EXPECT_EQ(json(text, std::array<char, 8>{'1', '2', '3', '4', '5', '6', '7', '8'}), "\"12345678\"");
}

TEST_F(Schema, WritesTextThatIsNoUtf8WithItsBytesEscaped) {
  const auto text = [&](std::string_view bytes) {
    std::array<char, 8> data{};
    std::memcpy(data.data(), bytes.data(), bytes.size());
    return json(types_.array(char_, 8), data);
  };
  EXPECT_EQ(text("\xc3\xa4"), "\"ä\"");
  EXPECT_EQ(text("a\xff"), R"("a\\xff")");
  EXPECT_EQ(text("\xc3"), R"("\\xc3")");
  EXPECT_EQ(text("\xc0\xaf"), R"("\\xc0\\xaf")");                    // overlong
  EXPECT_EQ(text("\xed\xa0\x80"), R"("\\xed\\xa0\\x80")");           // a surrogate
  EXPECT_EQ(text("\xf4\x90\x80\x80"), R"("\\xf4\\x90\\x80\\x80")");  // beyond U+10FFFF
  EXPECT_EQ(text("\xf0\x9f\x98\x80"), "\"😀\"");
  EXPECT_EQ(text("1234567\xe2"), R"("1234567\\xe2")");
}

TEST_F(Schema, WritesArraysOfBytesAsBytes) {
  const std::array<std::uint8_t, 3> bytes{0, 255, 1};
  EXPECT_EQ(json(types_.array(u8_, 3), bytes), "\"AP8B\"");
  EXPECT_EQ(json(types_.array(types_.alias("uint8_t", u8_), 3), bytes), "\"AP8B\"");
  const TypeId std_byte = types_.enumeration("std::byte", 1, false, {});
  EXPECT_EQ(json(types_.array(std_byte, 3), bytes), "\"AP8B\"");
  EXPECT_EQ(json(types_.array(types_.integer("signed char", 1, true), 3), bytes), "[0,-1,1]");
}

TEST_F(Schema, WritesArraysOfEveryRank) {
  EXPECT_EQ(json(types_.array(int_, 3), std::array<int, 3>{1, -2, 3}), "[1,-2,3]");
  const TypeId table = types_.array(types_.array(int_, 2), 2);
  EXPECT_EQ(json(table, std::array<int, 4>{1, 2, 3, 4}), R"([{"values":[1,2]},{"values":[3,4]}])");
  const TypeId cube = types_.array(types_.array(types_.array(u16_, 1), 2), 1);
  EXPECT_EQ(json(cube, std::array<std::uint16_t, 2>{7, 8}),
            R"([{"values":[{"values":[7]},{"values":[8]}]}])");
  const auto made = file(table);
  EXPECT_TRUE(message(made, "int_row").options().GetExtension(vmitap::row));
}

TEST_F(Schema, WritesArraysOfTextAsRepeatedStrings) {
  EXPECT_EQ(json(types_.array(types_.array(char_, 2), 3), std::array<char, 6>{'a', 0, 'b', 'c', 0, 0}),
            R"(["a","bc",""])");
}

TEST_F(Schema, WritesArraysOfWhatHasNoPackedForm) {
  const TypeId wide = types_.integer("__int128", 16, true);
  EXPECT_EQ(json(types_.array(wide, 2), std::array<__int128, 2>{1, 2}), R"([{"low":"1"},{"low":"2"}])");
  EXPECT_EQ(json(types_.array(bool_, 3), std::array<char, 3>{0, 1, 9}), "[false,true,true]");
  EXPECT_EQ(json(types_.array(types_.floating("long double", 16), 2), std::array<long double, 2>{1, 2.5}),
            "[1,2.5]");
}

TEST_F(Schema, WritesArraysOfStructs) {
  const TypeId point = types_.record("point", {{"x", int_}, {"y", int_}});
  EXPECT_EQ(json(types_.array(point, 2), std::array<int, 4>{1, 2, 3, 4}), R"([{"x":1,"y":2},{"x":3,"y":4}])");
  EXPECT_EQ(json(types_.array(types_.array(point, 1), 2), std::array<int, 4>{1, 2, 3, 4}),
            R"([{"values":[{"x":1,"y":2}]},{"values":[{"x":3,"y":4}]}])");
}

TEST_F(Schema, LeavesFlexibleArraysOutUnlessASliceOfThemIsAskedFor) {
  const TypeId packet = types_.record("packet", {{"length", int_}, {"data", types_.flexible(u16_)}});
  EXPECT_EQ(json(packet, std::array<int, 2>{5, 6}), R"({"length":5})");
  Value slice = value_of(types_.shared(), u16_);
  slice.elements = 3;
  slice.fetch.size = 6;
  std::vector<std::byte> bytes(6, std::byte{1});
  EXPECT_EQ(encoded_json({slice}, {bytes}), R"({"values":{"v":[257,257,257]}})");
  slice.type = char_;
  slice.elements = 6;
  bytes.assign(6, std::byte{'x'});
  EXPECT_EQ(encoded_json({slice}, {bytes}), R"({"values":{"v":"xxxxxx"}})");
}

TEST_F(Schema, FlattensAnonymousMembersAndWritesAllViewsOfAUnion) {
  const TypeId halves = types_.record("", {{"low", u16_}, {"high", u16_}});
  types_[halves].size = 4;
  const TypeId view = types_.union_of("", {{"whole", unsigned_}, {"", halves}});
  const TypeId outer = types_.record("outer", {{"first", int_}, {"", view}, {"named", view}});
  EXPECT_EQ(json(outer, std::array<std::uint32_t, 6>{1, 0, 0x20001, 0, 0x40003, 0}),
            R"({"first":1,"whole":131073,"low":1,"high":2,"named":{"whole":262147,"low":3,"high":4}})");
  const auto made = file(outer);
  EXPECT_EQ(message(made, "outer_named").options().GetExtension(vmitap::c_struct), "union {...}");
}

TEST_F(Schema, WritesBasesAsFieldsAndVirtualOnesNotAtAll) {
  const TypeId base = types_.record("ns::Base<int>", {{"b", int_}});
  const TypeId derived = types_.record("Derived", {{"ns::Base<int>", base}, {"Virtual", base}, {"d", int_}});
  types_[derived].members[0].is_base = true;
  types_[derived].members[1].is_base = types_[derived].members[1].is_virtual_base = true;
  types_[derived].members[1].offset = 4000;
  EXPECT_EQ(json(derived, std::array<int, 6>{7, 0, 0, 0, 8, 0}), R"({"ns::Base<int>":{"b":7},"d":8})");
  EXPECT_EQ(message(file(derived), "Derived").field(0).name(), "ns_Base_int");
}

TEST_F(Schema, WritesWhatIsKnownBySizeOnlyAsBytes) {
  EXPECT_EQ(json(types_.opaque("_Complex float", 8), std::uint64_t{0}), "\"AAAAAAAAAAA=\"");
  const TypeId none = types_.record("holder", {{"unknown", types_.opaque("x", 0)}, {"n", int_}});
  EXPECT_EQ(json(none, std::uint64_t{3}), R"({"unknown":"","n":3})");
}

TEST_F(Schema, WritesEmptyStructsAsEmptyMessages) {
  const TypeId empty = types_.record("empty", {});
  const TypeId holder =
      types_.record("holder", {{"n", int_}, {"e", empty}, {"many", types_.array(empty, 1000000000)}});
  EXPECT_EQ(json(holder, std::uint64_t{3}), R"({"n":3,"e":{}})");
}

TEST_F(Schema, ReadsBitFieldsWhereverTheyStand) {
  // Each width at each place, in a struct just large enough: no load may leave it.
  for (std::uint32_t width = 1; width <= 64; ++width) {
    for (std::uint64_t first = 0; first < 9; ++first) {
      const TypeId record = types_.bits("", first, {{"s", s64_, width}, {"u", u64_, width}});
      std::array<std::byte, 24> data{};
      data.fill(std::byte{0xa5});
      const auto bits = [&](std::uint64_t from) {
        std::uint64_t value = 0;
        for (std::uint32_t i = 0; i < width; ++i) {
          const std::uint64_t bit = from + i;
          const auto one = std::to_integer<std::uint64_t>(data[bit / 8]) >> (bit % 8) & 1;
          value |= one << i;
        }
        return value;
      };
      std::uint64_t expected = bits(first);
      if (width < 64 && (expected >> (width - 1) & 1) != 0) expected |= ~std::uint64_t{0} << width;
      EXPECT_EQ(json(record, data), "{\"s\":\"" + std::to_string(static_cast<std::int64_t>(expected)) +
                                        "\",\"u\":\"" + std::to_string(bits(first + width)) + "\"}")
          << width << " bits at " << first;
      if (HasFailure()) return;
      types_.catalog().types.pop_back();
    }
  }
}

TEST_F(Schema, ReadsBitFieldsOf128Bits) {
  const TypeId wide = types_.integer("__int128", 16, true);
  const TypeId unsigned_wide = types_.integer("unsigned __int128", 16, false);
  const TypeId record = types_.bits("b", 7, {{"a", wide, 128}, {"b", unsigned_wide, 70}, {"c", wide, 3}});
  std::array<std::byte, 26> data{};
  data.fill(std::byte{0xff});
  EXPECT_EQ(
      json(record, data),
      R"({"a":{"high":"-1","low":"18446744073709551615"},"b":{"high":"63","low":"18446744073709551615"},)"
      R"("c":{"high":"-1","low":"18446744073709551615"}})");
}

TEST_F(Schema, ReadsBitFieldsOfTruthsAndEnumerations) {
  const TypeId state = types_.enumeration("state", 4, false, {{"OFF", 0}, {"ON", 7}});
  const TypeId record =
      types_.bits("b", 0, {{"t", bool_, 1}, {"f", bool_, 8}, {"e", state, 3}, {"i", int_, 4}});
  EXPECT_EQ(json(record, std::uint16_t{0b1000'111'11111110'1}), R"({"t":true,"f":false,"e":"ON","i":-8})");
  const auto made = file(record);
  EXPECT_EQ(message(made, "b").field(3).options().GetExtension(vmitap::c_type), "int : 4");
}

TEST_F(Schema, ReadsABitFieldThatIsTheValueItself) {
  Value value = value_of(types_.shared(), int_);
  value.bit_offset = 5;
  value.bit_size = 3;
  value.fetch.size = 1;
  EXPECT_EQ(encoded_json({value}, {{std::byte{0b101'00000}}}), R"({"values":{"v":-3}})");
}

TEST_F(Schema, NamesEnumerators) {
  const TypeId state = types_.enumeration("tcp_state", 4, false, {{"CLOSED", 0}, {"LISTEN", 1}});
  EXPECT_EQ(json(state, 1), "\"LISTEN\"");
  EXPECT_EQ(json(state, 0), "\"CLOSED\"");
  EXPECT_EQ(json(state, 99), "99");
}

TEST_F(Schema, GivesEnumerationsWithoutZeroOne) {
  const TypeId sign = types_.enumeration("sign", 4, true, {{"MINUS", -1}, {"PLUS", 1}});
  EXPECT_EQ(json(sign, -1), "\"MINUS\"");
  EXPECT_EQ(json(sign, 0), "\"sign_0\"");
}

TEST_F(Schema, KeepsAliasesAndNumbersAboveInt32) {
  const TypeId flags = types_.enumeration("flags", 4, false, {{"A", 1}, {"B", 1}, {"ALL", 0xffffffff}});
  EXPECT_EQ(json(flags, -1), "\"ALL\"");
  EXPECT_EQ(json(flags, 1), "\"A\"");
  const TypeId record = types_.bits("b", 0, {{"f", flags, 32}, {"g", flags, 31}});
  EXPECT_EQ(json(record, ~std::uint64_t{0}), R"({"f":"ALL","g":2147483647})");
}

TEST_F(Schema, WritesEnumerationsOf64BitsAsNumbers) {
  const TypeId huge = types_.enumeration("huge", 8, false, {{"HUGE", 1ll << 40}});
  EXPECT_EQ(json(huge, std::uint64_t{1} << 40), "\"1099511627776\"");
}

TEST_F(Schema, KeepsEnumeratorsApartThatProtobufHoldsEqual) {
  const TypeId first = types_.enumeration(
      "color", 4, false,
      {{"color", 0}, {"COLOR_RED", 1}, {"RED", 2}, {"red", 3}, {"R_E_D", 4}, {"Color", 5}});
  const TypeId second = types_.enumeration("other", 4, false, {{"RED", 0}, {"color", 1}});
  const TypeId record = types_.record("r", {{"a", first}, {"b", second}});
  EXPECT_EQ(json(record, std::array<int, 2>{1, 0}), R"({"a":"COLOR_RED","b":"RED"})");
}

TEST_F(Schema, KeepsFieldsApartThatProtobufHoldsEqual) {
  const TypeId record = types_.record("r", {{"foo_bar", int_},
                                            {"fooBar", int_},
                                            {"foobar", int_},
                                            {"FOO_BAR", int_},
                                            {"_foo", int_},
                                            {"foo", int_}});
  EXPECT_EQ(json(record, std::array<int, 6>{1, 2, 3, 4, 5, 6}),
            R"({"foo_bar":1,"fooBar":2,"foobar":3,"FOO_BAR":4,"_foo":5,"foo":6})");
  EXPECT_EQ(message(file(record), "r").field(0).name(), "foo_bar");
}

TEST_F(Schema, KeepsTypesApartThatShareAName) {
  CatalogMaker other;
  const TypeId other_int = other.integer("int", 4, true);
  const TypeId theirs = other.record("point", {{"lat", other_int}});
  const TypeId ours = types_.record("point", {{"x", int_}});
  const std::vector<std::byte> bytes(8, std::byte{0});
  EXPECT_EQ(encoded_json({value_of(types_.shared(), ours, "a"), value_of(other.shared(), theirs, "b")},
                         {bytes, bytes}),
            R"({"values":{"a":{"x":0},"b":{"lat":0}}})");
}

TEST_F(Schema, NamesFieldsAfterExpressionsAndKeepsThemAsWritten) {
  const std::vector<Value> values{
      value_of(types_.shared(), int_, "pcb->cwnd"), value_of(types_.shared(), int_, "*pcb.cwnd"),
      value_of(types_.shared(), int_, "t[3].x"), value_of(types_.shared(), int_, "t[3].x"),
      value_of(types_.shared(), int_, "\xff\"")};
  const std::vector<std::byte> zero(4);
  EXPECT_EQ(encoded_json(values, {zero, zero, zero, zero, zero}),
            R"({"values":{"pcb->cwnd":0,"*pcb.cwnd":0,"t[3].x":0,"t[3].x_2":0,"\\xff\"":0}})");
  const auto made = make_schema("rule", nullptr, {}, 0, values);
  const auto& message = made->files.file(2).message_type(0);
  const auto& fields = message.nested_type(0).field();
  EXPECT_EQ(fields[0].name(), "pcb_cwnd");
  EXPECT_EQ(fields[1].name(), "pcb_cwnd_2");
  EXPECT_EQ(fields[2].name(), "t_3_x");
  EXPECT_EQ(fields[3].options().GetExtension(vmitap::expression), "t[3].x");
}

TEST_F(Schema, WritesArgumentsFromTheirStruct) {
  const std::vector<Argument> arguments{{"seg->len", u16_, 0}, {"pcb", types_.pointer(int_), 8}};
  const auto made = make_schema("sent", &types_.catalog(), arguments, 16, {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->message, "vmitap.rule.sent.Sent");
  EXPECT_TRUE(made->values.empty());
  std::array<std::uint64_t, 2> data{1500, 4096};
  BackWriter out;
  made->args.encode(std::as_bytes(std::span{data}), out);
  EXPECT_EQ((Decoded{*made, out}.json()), R"({"args":{"seg->len":1500,"pcb":"4096"}})");
}

TEST_F(Schema, WritesNothingFromTooFewBytes) {
  const RuleSchema made = schema(u64_);
  BackWriter out;
  const std::array<std::byte, 7> few{};
  made.values[0].encode(few, out);
  EXPECT_EQ(out.size(), 0u);
}

TEST_F(Schema, PutsFactsArgsAndValuesAtTheirNumbers) {
  const Value value = value_of(types_.shared(), int_);
  const std::vector<Argument> arguments{{"a", int_, 0}};
  const auto made = make_schema("a rule!", &types_.catalog(), arguments, 4, {&value, 1});
  ASSERT_TRUE(made);
  const Decoded decoded{*made, BackWriter{}};
  EXPECT_EQ(decoded.type().FindFieldByName("facts")->number(), kFactsField);
  EXPECT_EQ(decoded.type().FindFieldByName("facts")->message_type()->full_name(), "vmitap.Facts");
  EXPECT_EQ(decoded.type().FindFieldByName("args")->number(), kArgsField);
  EXPECT_EQ(decoded.type().FindFieldByName("values")->number(), kValuesField);
  EXPECT_TRUE(decoded.type().FindFieldByName("values")->message_type()->field(0)->has_presence());
}

TEST_F(Schema, GivesRulesThatDifferInSignsTheirOwnPackages) {
  EXPECT_NE(schema(int_, "v", "a-b").message, schema(int_, "v", "a+b").message);
  EXPECT_NE(schema(int_, "v", "a-b").message, schema(int_, "v", "a_b").message);
  for (const char* rule : {"", "3", "_", "Facts", "rule", "ä", "tcp_segment", "vmitap"}) {
    Decoded{schema(int_, "v", rule), BackWriter{}};
  }
}

TEST_F(Schema, LetsAStructHaveTheNameOfTheRule) {
  EXPECT_EQ(schema(types_.record("Rule", {{"x", int_}})).message, "vmitap.rule.rule.Rule");
  Decoded{schema(types_.record("Rule", {{"x", int_}})), BackWriter{}};
}

TEST_F(Schema, SkipsTheFieldNumbersThatProtobufKeepsForItself) {
  std::vector<std::pair<std::string, TypeId>> members;
  for (int i = 0; i < 20000; ++i) members.emplace_back("m" + std::to_string(i), u8_);
  const TypeId record = types_.record("large", members);
  const auto made = file(record);
  const auto& fields = message(made, "large").field();
  EXPECT_EQ(fields[18998].number(), 18999);
  EXPECT_EQ(fields[18999].number(), 20000);
  EXPECT_EQ(fields[19999].number(), 21000);
  std::vector<std::byte> bytes(types_[record].size);
  bytes[19999] = std::byte{42};
  const std::string json = encoded_json({value_of(types_.shared(), record)}, {bytes});
  EXPECT_TRUE(json.ends_with(R"("m19998":0,"m19999":42}}})")) << json.substr(json.size() - 80);
}

TEST_F(Schema, WritesWhatNestsTooDeeplyForReadersAsBytes) {
  TypeId type = int_;
  for (int i = 0; i < 200; ++i) type = types_.record("level" + std::to_string(i), {{"inner", type}});
  const std::string json_text = json(type, std::uint64_t{0x01020304});
  EXPECT_NE(json_text.find("\"BAMCAQAAAAA=\""), std::string::npos) << json_text;
  TypeId rows = int_;
  for (int i = 0; i < 200; ++i) rows = types_.array(rows, 1);
  EXPECT_NE(json(rows, 0x01020304).find("\"BAMCAQ==\""), std::string::npos);
}

TEST_F(Schema, RefusesUnionsThatShowTheSameBytesExponentiallyOften) {
  TypeId type = int_;
  for (int i = 0; i < 40; ++i) type = types_.union_of("u" + std::to_string(i), {{"a", type}, {"b", type}});
  Value value = value_of(types_.shared(), type);
  const auto made = make_schema("r", nullptr, {}, 0, {&value, 1});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::too_large);
  type = int_;
  for (int i = 0; i < 40; ++i) type = types_.union_of("", {{"", type}, {"", type}});
  value.type = type;
  const auto flattened = make_schema("r", nullptr, {}, 0, {&value, 1});
  ASSERT_FALSE(flattened);
  EXPECT_EQ(flattened.error().code, Errc::too_large);
}

TEST_F(Schema, RefusesMembersOutsideOfTheirStruct) {
  const TypeId record = types_.record("r", {{"x", int_}, {"y", int_}});
  types_[record].members[1].offset = 6;
  Value value = value_of(types_.shared(), record);
  const auto made = make_schema("r", nullptr, {}, 0, {&value, 1});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::bad_debug_info);
}

TEST_F(Schema, SharesOneMessageForOneType) {
  const TypeId point = types_.record("point", {{"x", int_}});
  const TypeId record = types_.record("r", {{"a", point}, {"b", types_.alias("point_t", point)}});
  EXPECT_EQ(file(record).message_type_size(), 3);  // the rule's, r, point
}

TEST_F(Schema, NamesStructsWithoutATagAfterTheirTypedefOrTheirMember) {
  const TypeId anonymous = types_.record("", {{"x", int_}});
  const TypeId tagless = types_.record("", {{"y", int_}});
  const TypeId record = types_.record(
      "r", {{"a", types_.alias("outer_t", types_.alias("point_t", anonymous))}, {"m", tagless}});
  const auto made = file(record);
  message(made, "point_t");
  message(made, "r_m");
}

}  // namespace
}  // namespace vmitap::types
