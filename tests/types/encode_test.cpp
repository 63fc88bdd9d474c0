// SPDX-License-Identifier: MIT
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "schema_catalog.hpp"
#include "schema_decoded.hpp"
#include "types/back_writer.hpp"
#include "types/encode_run.hpp"
#include "types/schema.hpp"
#include "types/wire.hpp"

namespace {
std::size_t allocations = 0;
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace vmitap::types {
namespace {

std::string text(const BackWriter& out) {
  return {reinterpret_cast<const char*>(out.bytes().data()), out.size()};
}

std::string varint_by_libprotobuf(std::uint64_t value) {
  std::string text;
  google::protobuf::io::StringOutputStream stream{&text};
  google::protobuf::io::CodedOutputStream coded{&stream};
  coded.WriteVarint64(value);
  coded.Trim();
  return text;
}

TEST(BackWriter, WritesVarintsOfEveryLengthAsLibprotobufDoes) {
  for (int bits = 0; bits <= 64; ++bits) {
    const std::uint64_t power = bits == 64 ? 0 : std::uint64_t{1} << bits;
    for (const std::uint64_t value :
         {power - 1, power, power + 1, power | 0x5555555555555555 >> (64 - bits) % 64}) {
      BackWriter out{0};
      out.varint(value);
      EXPECT_EQ(text(out), varint_by_libprotobuf(value)) << value;
      EXPECT_EQ(wire::varint_size(value), out.size()) << value;
    }
  }
}

TEST(BackWriter, WritesTagsOfEveryLength) {
  for (const std::uint32_t field :
       {1u, 15u, 16u, 2047u, 2048u, 262143u, 262144u, 33554431u, 33554432u, 536870911u}) {
    BackWriter out;
    out.tag(field, wire::kFixed32);
    EXPECT_EQ(text(out), varint_by_libprotobuf(std::uint64_t{field} << 3 | 5));
  }
}

TEST(BackWriter, PutsEachPieceInFrontOfWhatIsThereWhileItGrows) {
  BackWriter out{0};
  std::string expected;
  for (unsigned i = 0; i < 5000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    out.raw(std::as_bytes(std::span{piece}));
    out.varint(i);
    expected = varint_by_libprotobuf(i) + piece + expected;
  }
  EXPECT_EQ(text(out), expected);
  out.clear();
  EXPECT_EQ(out.size(), 0u);
  out.varint(1);
  EXPECT_EQ(text(out), "\1");
}

TEST(BackWriter, ReservesBytesForTheCallerToFill) {
  BackWriter out{4};
  out.varint(7);
  std::byte* const room = out.reserve(3);
  std::memcpy(room, "abc", 3);
  EXPECT_EQ(text(out), "abc\7");
  out.raw({});
  EXPECT_EQ(out.size(), 4u);
}

// A struct of everything, for what holds of all plans.
class Plan : public testing::Test {
 protected:
  Plan() {
    const TypeId character = types_.character();
    const TypeId number = types_.integer("int", 4, true);
    const TypeId wide = types_.integer("unsigned long", 8, false);
    const TypeId point = types_.record("point", {{"x", number}, {"y", number}});
    const TypeId bits = types_.bits("bits", 3, {{"a", number, 5}, {"b", wide, 50}, {"c", number, 32}});
    types_[bits].size = 16;
    type_ = types_.record("all", {{"first", number},
                                  {"text", types_.array(character, 12)},
                                  {"bytes", types_.array(types_.integer("unsigned char", 1, false), 5)},
                                  {"numbers", types_.array(wide, 7)},
                                  {"points", types_.array(point, 3)},
                                  {"table", types_.array(types_.array(number, 2), 2)},
                                  {"bits", bits},
                                  {"wide", types_.integer("__int128", 16, true)},
                                  {"real", types_.floating("long double", 16)},
                                  {"pointer", types_.pointer(0)}});
    const Value value = value_of(types_.shared(), type_);
    schema_ = *make_schema("rule", nullptr, {}, 0, {&value, 1});
  }
  const EncodePlan& plan() { return schema_.values[0]; }
  std::vector<std::byte> filled(std::byte with) { return std::vector<std::byte>(plan().value_size(), with); }

  CatalogMaker types_;
  TypeId type_ = 0;
  RuleSchema schema_;
};

TEST_F(Plan, AllocatesNothingOnceItsWriterIsWarm) {
  BackWriter out{0};
  const auto value = filled(std::byte{0xff});
  plan().encode(value, out);
  const std::string first = text(out);
  const std::size_t before = allocations;
  for (int i = 0; i < 100; ++i) {
    out.clear();
    plan().encode(value, out);
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(text(out), first);
}

TEST_F(Plan, NeverWritesMoreThanItPromises) {
  for (int byte = 0; byte < 256; ++byte) {
    BackWriter out;
    plan().encode(filled(std::byte(byte)), out);
    EXPECT_LE(out.size(), plan().encoded_max());
  }
}

TEST_F(Plan, WritesInFrontOfWhatIsThere) {
  BackWriter alone;
  plan().encode(filled(std::byte{1}), alone);
  BackWriter out;
  out.varint(5);
  plan().encode(filled(std::byte{1}), out);
  EXPECT_EQ(text(out), text(alone) + "\5");
}

TEST_F(Plan, ReadsValuesFromAnyAddress) {
  const auto value = filled(std::byte{0x3c});
  BackWriter aligned;
  plan().encode(value, aligned);
  for (std::size_t shift = 1; shift < 8; ++shift) {
    std::vector<std::byte> shifted(shift);
    shifted.insert(shifted.end(), value.begin(), value.end());
    BackWriter out;
    plan().encode(std::span{shifted}.subspan(shift), out);
    EXPECT_EQ(text(out), text(aligned));
  }
}

TEST_F(Plan, WritesTheSameBytesOnEveryProcessor) {
  std::mt19937_64 random{20};
  for (int round = 0; round < 2000; ++round) {
    auto value = filled(std::byte{0});
    for (std::size_t i = 0; i + 8 <= value.size(); i += 8) {
      const std::uint64_t word = random() >> random() % 64;  // numbers of every length
      std::memcpy(value.data() + i, &word, sizeof word);
    }
    BackWriter anywhere;
    plan().encode(value, anywhere, run_anywhere);
    BackWriter here;
    plan().encode(value, here, fastest_run());
    ASSERT_EQ(text(anywhere), text(here));
  }
}

TEST_F(Plan, WritesTheBytesThatLibprotobufWrites) {
  BackWriter out;
  plan().encode(filled(std::byte{0x55}), out);
  const std::size_t size = out.size();
  out.varint(size);
  out.tag(kValuesField, wire::kLengthDelimited);
  EXPECT_EQ(text(out), (Decoded{schema_, out}.record().SerializeAsString()));
}

}  // namespace
}  // namespace vmitap::types
