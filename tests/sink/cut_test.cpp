// SPDX-License-Identifier: MIT
// A capture that is cut off at any byte gives all that stands whole before the cut.
#include <gtest/gtest.h>

#include <map>

#include "container.hpp"
#include "sample.hpp"
#include "sink/mcap_reader.hpp"
#include "sink/mcap_writer.hpp"
#include "sink/open_sink.hpp"

namespace vmitap::sink {
namespace {

using test::Folder;

// Sizes of the file after each item that was written out, and how many items that is.
using Marks = std::map<std::uint64_t, std::size_t>;

struct Scanned {
  std::vector<std::string> messages;
  ReadOutcome outcome;
};

Result<Scanned> scan_messages(const std::string& path) {
  auto input = InputStream::open(path);
  if (!input) return tl::unexpected(input.error());
  Scanned scanned;
  auto outcome = mcap::scan(*input, [&](mcap::Opcode opcode, std::span<const std::byte> content) {
    if (opcode == mcap::Opcode::message)
      scanned.messages.emplace_back(reinterpret_cast<const char*>(content.data()), content.size());
    return true;
  });
  if (!outcome) return tl::unexpected(outcome.error());
  scanned.outcome = *outcome;
  return scanned;
}

// A container small enough to cut it everywhere: three chunks of two messages, and an attachment.
std::string small_container(const std::string& path, Marks& marks) {
  auto writer = std::move(*mcap::Writer::start(std::move(*OutputStream::open(path)), "test"));
  const auto channel = *writer.add_channel("rule", "pkg.Message", "descriptors");
  marks[writer.stream().bytes_written()] = 0;
  for (std::uint64_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(writer.message(channel, i, bytes_of("content of message " + std::to_string(i))));
    if (i == 3) {
      EXPECT_TRUE(writer.attach("name", "type", 5, bytes_of("attached")));
    }
    if (i % 2 == 0) continue;
    EXPECT_TRUE(writer.flush());
    marks[writer.stream().bytes_written()] = i + 1;  // the chunk is whole even before its index
  }
  EXPECT_TRUE(writer.finish());
  return test::read_file(path);
}

TEST(McapCut, AtEveryByteGivesAllWholeChunksBefore) {
  const Folder folder;
  const auto path = folder.file("capture");
  Marks marks;
  const std::string whole = small_container(path, marks);
  const auto all = scan_messages(path);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->messages.size(), 6u);
  ASSERT_TRUE(all->outcome.complete);

  for (std::size_t cut = whole.size() - 1; cut > 0; --cut) {
    std::filesystem::resize_file(path, cut);
    const auto found = scan_messages(path);
    ASSERT_TRUE(found) << cut;
    EXPECT_FALSE(found->outcome.complete) << cut;
    EXPECT_NE(found->outcome.problem, "") << cut;
    EXPECT_EQ(found->outcome.bytes_read + found->outcome.bytes_left, cut);
    const std::size_t written_before =
        std::prev(marks.upper_bound(std::max<std::uint64_t>(cut, marks.begin()->first)))->second;
    ASSERT_GE(found->messages.size(), written_before) << cut;
    ASSERT_EQ(found->messages.size() % 2, 0u) << cut;
    for (std::size_t i = 0; i < found->messages.size(); ++i) EXPECT_EQ(found->messages[i], all->messages[i]);
  }
  std::filesystem::resize_file(path, 0);
  EXPECT_EQ(scan_messages(path).error().code, Errc::bad_file);
}

// Whole captures are larger, most of it descriptors: cut at every byte of what holds records.
class CaptureCut : public testing::TestWithParam<Format> {};

TEST_P(CaptureCut, GivesAllItemsThatWereFlushedBefore) {
  const Folder folder;
  const auto path = folder.file("capture");
  Marks marks;
  std::size_t items = 0;
  {
    auto sink = std::move(*open_sink(path, GetParam()));
    const auto wrote = [&](const Result<void>& written) {
      ASSERT_TRUE(written);
      ASSERT_TRUE(sink->flush());
      marks[sink->bytes_written()] = ++items;
    };
    wrote(sink->session(test::session()));
    wrote(sink->catalog(test::catalog()));
    wrote(sink->channel(test::stats()));
    for (std::uint64_t i = 1; i <= 3; ++i) {
      const std::string message = test::stat(i);
      wrote(sink->record(9, test::kStart, std::as_bytes(std::span(message))));
    }
    wrote(sink->loss(test::loss(1)));
    ASSERT_TRUE(sink->close(test::summary()));
  }
  const auto all = test::read_all(path);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->items.size(), items + 1);

  const auto cut_at = [&](std::uint64_t cut) {
    std::filesystem::resize_file(path, cut);
    const auto found = test::read_all(path);
    ASSERT_TRUE(found) << cut;
    EXPECT_FALSE(found->outcome.complete) << cut;
    EXPECT_EQ(found->outcome.bytes_read + found->outcome.bytes_left, cut);
    const auto mark = marks.upper_bound(cut);
    const std::size_t flushed = mark == marks.begin() ? 0 : std::prev(mark)->second;
    ASSERT_GE(found->items.size(), flushed) << cut;
    for (std::size_t i = 0; i < found->items.size(); ++i) ASSERT_EQ(found->items[i], all->items[i]) << cut;
  };
  const std::uint64_t records_start = std::next(marks.begin(), 2)->first;  // behind the channel
  const std::uint64_t records_end = marks.rbegin()->first + 400;           // well into the closing
  std::uint64_t cut = std::filesystem::file_size(path) - 1;
  for (; cut > records_end; cut -= std::min<std::uint64_t>(997, cut - records_end)) cut_at(cut);
  for (; cut > records_start; --cut) cut_at(cut);
  for (; cut > 97; cut -= 97) cut_at(cut);
}

INSTANTIATE_TEST_SUITE_P(Formats, CaptureCut, testing::Values(Format::mcap, Format::pb),
                         [](const auto& tested) { return tested.param == Format::mcap ? "Mcap" : "Pb"; });

TEST(McapDamage, OfAnyByteIsNoticedAndCostsOnlyWhatItHit) {
  const Folder folder;
  const auto path = folder.file("capture");
  Marks marks;
  const std::string whole = small_container(path, marks);
  const auto all = scan_messages(path);
  ASSERT_TRUE(all);
  std::size_t kept = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      test::write_file(path, damaged);
      const auto found = scan_messages(path);
      if (!found) {
        EXPECT_LT(at, mcap::kMagic.size()) << at;
        EXPECT_EQ(found.error().code, Errc::bad_file);
        continue;
      }
      EXPECT_FALSE(found->outcome.complete) << at;
      EXPECT_NE(found->outcome.problem, "") << at;
      EXPECT_EQ(found->outcome.bytes_read + found->outcome.bytes_left, whole.size()) << at;
      // Whatever comes is what was written.
      for (const std::string& message : found->messages)
        EXPECT_NE(std::ranges::find(all->messages, message), all->messages.end()) << at;
      kept += found->messages.size();
    }
  }
  EXPECT_GT(kept, whole.size() * 3 * 4);  // of 6: most damage costs one chunk of two, or nothing
}

TEST(PbDamage, OfAnyByteCrashesNothing) {
  const Folder folder;
  const auto path = folder.file("capture");
  std::string whole;
  {
    auto sink = std::move(*open_sink(path, Format::pb));
    ASSERT_TRUE(sink->session(test::session()));
    ASSERT_TRUE(sink->loss(test::loss(1)));
    ASSERT_TRUE(sink->close(test::summary()));
    whole = test::read_file(path);
  }
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      test::write_file(path, damaged);
      const auto found = test::read_all(path);
      if (!found) {
        EXPECT_EQ(found.error().code, Errc::bad_file) << at;
        continue;
      }
      EXPECT_EQ(found->outcome.bytes_read + found->outcome.bytes_left, whole.size()) << at;
      EXPECT_EQ(found->outcome.complete, found->outcome.problem.empty()) << at;
    }
}

}  // namespace
}  // namespace vmitap::sink
