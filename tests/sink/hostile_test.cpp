// SPDX-License-Identifier: MIT
// Files that no writer of ours made.
#include <gtest/gtest.h>

#include <limits>

#include "container.hpp"
#include "sample.hpp"

namespace vmitap::sink {
namespace {

using mcap::Opcode;
using namespace test;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

// One rule with one record, as the start of a file.
std::string start() {
  return header() + plain_chunk(schema(1, "pkg.M", "") + channel(1, 1, "rule") + message(1, 5, "one"));
}
std::string rest() { return plain_chunk(message(1, 6, "two")); }

Reading read(const std::string& bytes) {
  const Folder folder;
  const auto path = folder.file("file");
  write_file(path, bytes);
  auto reading = read_all(path);
  EXPECT_TRUE(reading);
  return reading ? *reading : Reading{};
}

// What stands between two good chunks does no harm to either.
void expect_both(const std::string& between, bool is_problem = true) {
  const Reading reading = read(start() + between + rest());
  EXPECT_EQ(reading.count("record"), 2u);
  const std::string data = start() + between + rest();
  const Reading closed = read(data + ending(data));
  EXPECT_EQ(closed.count("record"), 2u);
  EXPECT_EQ(closed.outcome.bytes_left > 0, is_problem) << closed.outcome.problem;
  EXPECT_FALSE(closed.outcome.complete);  // it has no summary, at least
}

// The reading ends there, and keeps what was before.
void expect_end(const std::string& there) {
  const Reading reading = read(start() + there + rest());
  EXPECT_EQ(reading.count("record"), 1u);
  EXPECT_EQ(reading.outcome.bytes_read, start().size());
  EXPECT_EQ(reading.outcome.bytes_left, there.size() + rest().size());
  EXPECT_NE(reading.outcome.problem, "");
}

TEST(McapHostile, SkipsUnknownRecords) {
  expect_both(record(static_cast<Opcode>(0x7f), "what a later version knows"), false);
  expect_both(record(static_cast<Opcode>(0xff), std::string(100'000, 'x')), false);
  expect_both(record(Opcode::metadata, text("name") + text("")), false);
}

TEST(McapHostile, LeavesOutChunksThatClaimTooMuch) {
  const std::string inner = message(1, 7, "x");
  expect_both(chunk(inner, kHuge, 0, ""));
  expect_both(chunk(inner, inner.size() + 1, 0, ""));
  expect_both(chunk(inner, inner.size() - 1, 0, ""));
  expect_both(chunk(zstd(inner), mcap::kChunkMax + 1, 0, "zstd"));
  expect_both(chunk(zstd(inner), mcap::kChunkMax, 0, "zstd"));
  expect_both(chunk(zstd(inner), inner.size() - 1, 0, "zstd"));
  expect_both(chunk(zstd(inner), inner.size(), 12345, "zstd"));
  expect_both(chunk(zstd(std::string(50'000'000, '\0')), 1000, 0, "zstd"));
  expect_both(chunk("", 0, 0, "zstd"));
  expect_both(chunk(inner, inner.size(), 0, "lz4"));
  expect_both(record(Opcode::chunk, "short"));
  expect_both(record(Opcode::chunk, std::string(8 + 8 + 8 + 4, '\0') + text("") + le(kHuge)));
}

TEST(McapHostile, ReadsSeveralFramesInAChunk) {
  const std::string a = message(1, 7, "x");
  const std::string b = message(1, 8, "y");
  const Reading reading = read(start() + chunk(zstd(a) + zstd(b), a.size() + b.size(), crc(a + b), "zstd"));
  EXPECT_EQ(reading.count("record"), 3u);
}

TEST(McapHostile, TakesWhatStandsBeforeAChunksBrokenEnd) {
  const std::string inner = message(1, 7, "x") + le(std::uint8_t{5}) + le(kHuge);
  const Reading reading = read(start() + plain_chunk(inner) + rest());
  EXPECT_EQ(reading.count("record"), 3u);
  EXPECT_GT(reading.outcome.bytes_left, 0u);
}

TEST(McapHostile, EndsWhereLengthsLeadNowhere) {
  for (const Opcode opcode :
       {Opcode::chunk, Opcode::attachment, Opcode::message, Opcode::message_index, static_cast<Opcode>(0x50)})
    for (const std::uint64_t length : {kHuge, kHuge - 8, std::uint64_t{1} << 40, std::uint64_t{1} << 20})
      expect_end(le(static_cast<std::uint8_t>(opcode)) + le(length));
  expect_end(record(static_cast<Opcode>(0), ""));
  expect_end(record(Opcode::footer, std::string(20, '\0')));  // in the midst of data
}

TEST(McapHostile, NotesWhatFitsNothing) {
  for (const std::string& odd :
       {message(77, 1, "of no channel"), record(Opcode::message, "short"), schema(0, "pkg.M", ""),
        record(Opcode::schema, "x"), record(Opcode::channel, "x"), channel(2, 99, "no schema"),
        channel(3, 1, "json", "json"), schema(4, "M", "{}", "jsonschema") + channel(4, 4, "other"),
        schema(5, "vmitap.Loss", "") + channel(5, 5, "vmitap.loss") + message(5, 1, "\xff"),
        schema(6, "pkg.N", "\xff\xff") + channel(6, 6, "rule 6")}) {
    const std::string data = start() + plain_chunk(odd) + rest();
    const Reading reading = read(data + ending(data));
    EXPECT_EQ(reading.count("record"), 2u);
    EXPECT_FALSE(reading.outcome.complete);
    EXPECT_EQ(reading.outcome.bytes_left, 0u);
    EXPECT_NE(reading.outcome.problem.find(' '), std::string::npos);
    EXPECT_EQ(reading.outcome.problem.find("no vmitap.Summary"), std::string::npos)
        << reading.outcome.problem;
  }
}

TEST(McapHostile, ShowsNoControlCharactersInProblems) {
  const std::string data = start() + plain_chunk(channel(3, 1, "\033[2Jevil", "json"));
  const Reading reading = read(data + ending(data));
  EXPECT_NE(reading.outcome.problem.find("evil"), std::string::npos);
  EXPECT_EQ(reading.outcome.problem.find('\033'), std::string::npos);
}

TEST(McapHostile, AChannelMayBeRepeated) {
  const Reading reading =
      read(start() + plain_chunk(schema(1, "pkg.M", "") + channel(1, 1, "rule") + message(1, 6, "two")));
  EXPECT_EQ(reading.count("channel"), 1u);
  EXPECT_EQ(reading.count("record"), 2u);
}

TEST(McapHostile, RecordsMayStandOutsideOfChunks) {
  const Reading reading =
      read(header() + schema(1, "pkg.M", "") + channel(1, 1, "rule") + message(1, 5, "one"));
  EXPECT_EQ(reading.count("record"), 1u);
}

TEST(McapHostile, LeavesOutDamagedAttachments) {
  const auto attachment = [](std::string_view data, std::uint64_t claimed, std::uint32_t flip) {
    const std::string content = le(std::uint64_t{1}) + le(std::uint64_t{1}) + text("vmitap.Catalog:/x") +
                                text("application/x-protobuf") + le(claimed) + std::string(data);
    return record(Opcode::attachment, content + le(crc(content) ^ flip));
  };
  const std::string good = catalog().SerializeAsString();
  EXPECT_EQ(read(start() + attachment(good, good.size(), 0)).count("catalog"), 1u);
  EXPECT_EQ(read(start() + attachment(good, good.size(), 1)).count("catalog"), 0u);
  EXPECT_EQ(read(start() + attachment(good, kHuge, 0)).count("catalog"), 0u);
  EXPECT_EQ(read(start() + attachment("\xff", 1, 0)).count("catalog"), 0u);
  expect_both(attachment(good, good.size(), 1));
  expect_both(record(Opcode::attachment, "abc"));
}

TEST(McapHostile, NotesWhatFollowsTheEnd) {
  const std::string data = start();
  const Reading reading = read(data + ending(data) + "more");
  EXPECT_EQ(reading.count("record"), 1u);
  EXPECT_EQ(reading.outcome.bytes_left, 4u);
  EXPECT_FALSE(reading.outcome.complete);
}

TEST(PbHostile, EndsWhereNoItemStands) {
  StreamItem session_item;
  *session_item.mutable_session() = session();
  const std::string bytes = session_item.SerializeAsString();
  const std::string first = static_cast<char>(bytes.size()) + bytes;
  for (const std::string& after :
       {std::string(10, '\xff'), std::string("\x05\x0a\xff\xff\xff\xff"), std::string("\xff\xff\xff\xff\x7f"),
        std::string("\x03\x0a\x05\x01"), std::string("\x01\x0c")}) {
    const Reading reading = read(first + after);
    EXPECT_EQ(reading.count("session"), 1u);
    EXPECT_FALSE(reading.outcome.complete);
    EXPECT_EQ(reading.outcome.bytes_read, first.size());
    EXPECT_EQ(reading.outcome.bytes_left, after.size());
  }
  // Items of a later version are skipped.
  const Reading reading = read(first + std::string("\x03\x7a\x01\x00", 4) + first);
  EXPECT_EQ(reading.count("session"), 2u);
}

}  // namespace
}  // namespace vmitap::sink
