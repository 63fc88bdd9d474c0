// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <thread>

#include "sample.hpp"
#include "sink/open_sink.hpp"

namespace vmitap::sink {
namespace {

using test::Folder;

class RoundTrip : public testing::TestWithParam<Format> {
 protected:
  Folder folder_;
  std::string path_ = folder_.file("capture");

  std::unique_ptr<pipeline::Sink> open() {
    auto sink = open_sink(path_, GetParam());
    EXPECT_TRUE(sink);
    return std::move(*sink);
  }
};

TEST_P(RoundTrip, GivesBackEveryItemInOrder) {
  auto sink = open();
  ASSERT_TRUE(test::write_sample(*sink, 50));
  const auto size = std::filesystem::file_size(path_);
  EXPECT_EQ(sink->bytes_written(), size);
  const auto reading = test::read_all(path_);
  ASSERT_TRUE(reading);
  EXPECT_EQ(test::difference(reading->items, test::expected_items(50)), "");
  EXPECT_TRUE(reading->outcome.complete);
  EXPECT_EQ(reading->outcome.problem, "");
  EXPECT_EQ(reading->outcome.bytes_read, size);
  EXPECT_EQ(reading->outcome.bytes_left, 0u);
}

TEST_P(RoundTrip, ACaptureWithoutRecordsIsWhole) {
  ASSERT_TRUE(test::write_sample(*open(), 0));
  const auto reading = test::read_all(path_);
  ASSERT_TRUE(reading);
  EXPECT_EQ(test::difference(reading->items, test::expected_items(0)), "");
  EXPECT_TRUE(reading->outcome.complete);
}

TEST_P(RoundTrip, GoesThroughAPipe) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  Result<void> written;
  std::thread writer([&] { written = test::write_sample(*open(), 400); });
  const auto reading = test::read_all(path_);
  writer.join();
  ASSERT_TRUE(written);
  ASSERT_TRUE(reading);
  EXPECT_EQ(test::difference(reading->items, test::expected_items(400)), "");
  EXPECT_TRUE(reading->outcome.complete);
}

TEST_P(RoundTrip, WhatWasFlushedSurvivesWhateverFollows) {
  auto sink = open();
  ASSERT_TRUE(sink->session(test::session()));
  ASSERT_TRUE(sink->catalog(test::catalog()));
  ASSERT_TRUE(sink->channel(test::segments()));
  const std::string message = test::segment(1);
  ASSERT_TRUE(sink->record(7, test::kStart + 1, std::as_bytes(std::span(message))));
  ASSERT_TRUE(sink->flush());
  const auto flushed = test::read_all(path_);  // as if the writer had been killed now
  ASSERT_TRUE(flushed);
  EXPECT_EQ(flushed->count("record"), 1u);
  EXPECT_EQ(flushed->count("catalog"), 1u);
  EXPECT_FALSE(flushed->outcome.complete);
  EXPECT_NE(flushed->outcome.problem, "");
  EXPECT_EQ(flushed->outcome.bytes_left, 0u);
}

TEST_P(RoundTrip, ASinkThatIsLeftWithoutCloseWritesWhatItHolds) {
  {
    auto sink = open();
    ASSERT_TRUE(sink->session(test::session()));
    ASSERT_TRUE(sink->loss(test::loss(1)));
  }
  const auto reading = test::read_all(path_);
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->count("loss"), 1u);
}

TEST_P(RoundTrip, AHandlerEndsTheReading) {
  ASSERT_TRUE(test::write_sample(*open(), 50));
  int records = 0;
  ReadHandlers handlers;
  handlers.record = [&](const ReadRecord&) { return ++records < 3; };
  const auto outcome = read_capture(path_, handlers);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(records, 3);
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundTrip, testing::Values(Format::mcap, Format::pb),
                         [](const auto& tested) { return tested.param == Format::mcap ? "Mcap" : "Pb"; });

TEST(McapSink, StartsANewChunkAtAQuarterOfAMebibyte) {
  const Folder folder;
  const auto path = folder.file("capture");
  auto sink = std::move(*open_sink(path, Format::mcap));
  ASSERT_TRUE(sink->session(test::session()));
  ASSERT_TRUE(sink->channel(test::stats()));
  const auto before = sink->bytes_written();
  const std::string message(1000, '\xff');
  std::uint64_t count = 0;
  while (sink->bytes_written() == before)
    ASSERT_TRUE(sink->record(9, test::kStart + ++count, std::as_bytes(std::span(message))));
  EXPECT_GT(count, 230u);
  EXPECT_LT(count, 270u);
}

TEST(Reader, RefusesWhatIsNoCapture) {
  const Folder folder;
  const auto path = folder.file("file");
  for (const std::string bytes : {"", "hello, world", "{\"rule\":1}\n",
                                  "\x7f"
                                  "ELF\2\1\1",
                                  "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}) {
    test::write_file(path, bytes);
    const auto outcome = read_capture(path, {});
    ASSERT_FALSE(outcome) << bytes;
    EXPECT_EQ(outcome.error().code, Errc::bad_file);
    EXPECT_EQ(outcome.error().subject, path);
    EXPECT_NE(outcome.error().hint, "");
  }
  EXPECT_EQ(read_capture(folder.file("none"), {}).error().code, Errc::io);
  EXPECT_EQ(read_capture(folder.file("none"), {}).error().sys, ENOENT);
  EXPECT_EQ(read_capture(folder.file("."), {}).error().code, Errc::io);
}

TEST(OpenSink, KnowsItsFormats) {
  EXPECT_EQ(format_named("mcap"), Format::mcap);
  EXPECT_EQ(format_named("pb"), Format::pb);
  EXPECT_EQ(format_named("jsonl"), Format::jsonl);
  EXPECT_EQ(format_named("xml").error().code, Errc::bad_config);
}

}  // namespace
}  // namespace vmitap::sink
