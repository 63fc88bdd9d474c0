// SPDX-License-Identifier: MIT
#include "sink/render.hpp"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sample.hpp"
#include "sink/json_lines.hpp"
#include "sink/open_sink.hpp"

namespace vmitap::sink {
namespace {

using test::Folder;

ReadRecord record_of(std::uint32_t channel, const std::string& message,
                     std::uint64_t time_ns = test::kStart) {
  return {.channel = channel, .time_ns = time_ns, .message = std::as_bytes(std::span(message))};
}

std::string values_line(const std::string& values) {
  JsonLines lines;
  EXPECT_TRUE(lines.channel(test::segments()));
  const std::string message = test::encode(test::segments(), "values { " + values + " }");
  return Json::parse(lines.record(record_of(7, message)))["values"].dump();
}

TEST(Render, WritesEveryKindOfValue) {
  JsonLines lines;
  ASSERT_TRUE(lines.channel(test::segments()));
  const std::string message = test::segment(1);
  EXPECT_EQ(
      lines.record(record_of(7, message)),
      R"({"rule":"segments","trigger":"tcp_segment","sequence":1,"time":"2026-11-23T06:12:01.503921885Z",)"
      R"("time_ns":1795414321503921885,"monotonic_ns":15,"thread":4242,"mode":"PAUSED","skid_ns":11,)"
      R"("pause_ns":21,"args":{"pcb":"0x7ffc00001000","seg->len":1},)"
      R"("values":{"pcb->state":"ESTABLISHED","conn":{"cwnd":1,"snd_buf":8192,)"
      R"("points":[{"x":-1,"y":1},{"x":0,"y":-2147483648}]},"conn.cwnd.max":65535,"table":[1,-2,3,1],)"
      R"("m":[[1,2,3],[4,5,6]],"cube":[[[1,2],[3,4]]],"big":"-123",)"
      R"("ubig":"340282366920938463463374607431768211455","u64":18446744073709551615,)"
      R"("i64":-9223372036854775808,"f":0.1,"d":0.1,)"
      R"("odd":["NaN","Infinity","-Infinity",-0.0,1e+300,5e-324],"flag":true,)"
      R"("text":"a\"b,c\n\u001b[31mred \u0085 \u00fc","raw":"00ff","next":["0x0","0xdeadbeef"],)"
      R"("names":["=1+1","-5","plain",""],"mode":3},)"
      R"("unread":[{"value":"gone->away","reason":"UNREADABLE"}]})");
}

TEST(Render, LeavesOutWhatIsNotThere) {
  JsonLines lines;
  ASSERT_TRUE(lines.channel(test::stats()));
  const std::string message = test::stat(4);
  EXPECT_EQ(lines.record(record_of(9, message)),
            R"({"rule":"stats","trigger":"every","sequence":4,"time":"2026-11-23T06:12:01.503921888Z",)"
            R"("time_ns":1795414321503921888,"monotonic_ns":5,"thread":0,"mode":"SYNC","lost_before":2,)"
            R"("guest":"local:router","values":{"stats":{"sent":4,"lost":0},"u64":1}})");
}

TEST(Render, KeepsZeroThatWasRead) {
  EXPECT_EQ(values_line("u64: 0 flag: false text: ''"), R"({"u64":0,"flag":false,"text":""})");
}

TEST(Render, NumbersEnumeratorsWithoutAName) {
  EXPECT_EQ(values_line("pcb_state: 77"), R"({"pcb->state":77})");
  EXPECT_EQ(values_line("pcb_state: LAST_ACK"), R"({"pcb->state":"LAST_ACK"})");
}

TEST(Render, FloatsReadBackAsTheSameFloat) {
  EXPECT_EQ(values_line("f: 3.4028235e38"), R"({"f":3.4028235e+38})");
  EXPECT_EQ(values_line("f: 1e-45"), R"({"f":1e-45})");
  EXPECT_EQ(values_line("f: 16777217"), R"({"f":16777216.0})");
  EXPECT_EQ(values_line("d: 0.30000000000000004"), R"({"d":0.30000000000000004})");
}

TEST(Render, KeepsPrintableTextReadable) {
  JsonLines lines;
  ASSERT_TRUE(lines.channel(test::segments()));
  const std::string message = test::encode(test::segments(), "values { text: '\303\274 \342\202\254' }");
  EXPECT_NE(lines.record(record_of(7, message)).find("\303\274 \342\202\254"), std::string::npos);
}

TEST(Render, ShowsLossesAndTheSummary) {
  EXPECT_EQ(JsonLines::loss(test::loss(3)),
            R"({"loss":{"reason":"RING_FULL","count":3,"guest":"local:router","ring":0,)"
            R"("time_ns":1795414321503921887,"detail":""}})");
  const Json summary = Json::parse(JsonLines::summary(test::summary()))["summary"];
  EXPECT_EQ(summary["ended_by"], "count reached");
  EXPECT_EQ(summary["lost"].dump(), R"({"NO_RING":1,"RING_FULL":3})");
  EXPECT_EQ(summary["over_budget"], 0);
}

TEST(Render, ShowsMessagesThatNoRuleMade) {
  Channel foreign = test::stats();
  foreign.set_message("vmitap.rule.stats.Counters");
  JsonLines lines;
  ASSERT_TRUE(lines.channel(foreign));
  const std::string message = test::encode(foreign, "sent: 5");
  EXPECT_EQ(lines.record(record_of(9, message, 1)),
            R"({"rule":"stats","time":"1970-01-01T00:00:00.000000001Z","time_ns":1,"message":{"sent":5}})");
}

TEST(Render, ShowsTheBytesOfWhatDoesNotDecode) {
  JsonLines lines;
  ASSERT_TRUE(lines.channel(test::stats()));
  EXPECT_EQ(lines.record(record_of(9, "\x0a\xff", 1)),
            R"({"rule":"stats","time":"1970-01-01T00:00:00.000000001Z","time_ns":1,"undecoded":"0aff"})");
}

TEST(JsonLines, SelectsFields) {
  JsonLines lines({"conn", "time_ns", "m[1][2]", "gone->away", "sent"});
  ASSERT_TRUE(lines.channel(test::segments()));
  ASSERT_TRUE(lines.channel(test::stats()));
  const std::string message = test::segment(1);
  EXPECT_EQ(lines.record(record_of(7, message)),
            R"({"conn":{"cwnd":1,"snd_buf":8192,"points":[{"x":-1,"y":1},{"x":0,"y":-2147483648}]},)"
            R"("time_ns":1795414321503921885,"m[1][2]":6,"gone->away":null,"sent":null})");
  const std::string other = test::stat(1);
  EXPECT_EQ(lines.record(record_of(9, other)), "");
  EXPECT_EQ(lines.fields_known().error().subject, "sent");
  EXPECT_EQ(lines.fields_known().error().hint, "stats.sent");
}

TEST(JsonlSink, WritesALineAnItem) {
  const Folder folder;
  const auto path = folder.file("capture");
  ASSERT_TRUE(test::write_sample(**open_sink(path, Format::jsonl), 4));
  const std::string bytes = test::read_file(path);
  std::vector<std::string> kinds;
  for (std::size_t start = 0; start < bytes.size();) {
    const std::size_t end = bytes.find('\n', start);
    ASSERT_NE(end, std::string::npos);
    kinds.push_back(Json::parse(bytes.substr(start, end - start)).begin().key());
    start = end + 1;
  }
  const std::vector<std::string> expected{"session", "rule", "rule", "rule",
                                          "rule",    "rule", "loss", "summary"};
  EXPECT_EQ(kinds, expected);
  EXPECT_EQ(read_capture(path, {}).error().code, Errc::bad_file);
}

}  // namespace
}  // namespace vmitap::sink
