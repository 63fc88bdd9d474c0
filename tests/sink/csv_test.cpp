// SPDX-License-Identifier: MIT
#include "sink/csv.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "sample.hpp"
#include "sink/open_sink.hpp"

namespace vmitap::sink {
namespace {

using test::Folder;

using Rows = std::vector<std::vector<std::string>>;

// RFC 4180, read by its grammar.
Rows parse(const std::string& text) {
  Rows rows;
  std::vector<std::string> row(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      row.back() += '"';
      ++i;
    } else if (c == '"') {
      is_quoted = !is_quoted;
    } else if (c == ',' && !is_quoted) {
      row.emplace_back();
    } else if (c == '\n' && !is_quoted) {
      rows.push_back(std::exchange(row, std::vector<std::string>(1)));
    } else {
      row.back() += c;
    }
  }
  return rows;
}

class Csv : public testing::Test {
 protected:
  Folder folder_;
  std::string path_ = folder_.file("capture");
  CsvOutcome outcome_;

  std::unique_ptr<pipeline::Sink> sink_ = std::move(*open_sink(path_, Format::mcap));

  void add(const Channel& channel, const std::vector<std::string>& records) {
    ASSERT_TRUE(sink_->channel(channel));
    for (const std::string& record : records)
      ASSERT_TRUE(sink_->record(static_cast<pipeline::ChannelId>(channel.id()), test::kStart,
                                std::as_bytes(std::span(record))));
    ASSERT_TRUE(sink_->flush());
  }
  Result<std::string> text(const CsvOptions& options = {}) {
    std::string all;
    const auto done = write_csv(path_, options, [&](std::string_view line) {
      all += line;
      return true;
    });
    if (!done) return tl::unexpected(done.error());
    outcome_ = *done;
    return all;
  }
  Rows rows(const CsvOptions& options = {}) {
    const auto all = text(options);
    EXPECT_TRUE(all);
    return all ? parse(*all) : Rows();
  }
  static std::string values(const std::string& values) {
    return test::encode(test::segments(), "facts { mode: SYNC } values { " + values + " }");
  }
};

using Row = std::vector<std::string>;

TEST_F(Csv, FlattensARecordIntoColumns) {
  add(test::segments(), {test::segment(1)});
  const Rows all = rows();
  ASSERT_EQ(all.size(), 2u);
  const Row header{"rule",
                   "trigger",
                   "sequence",
                   "time",
                   "time_ns",
                   "monotonic_ns",
                   "thread",
                   "mode",
                   "skid_ns",
                   "pause_ns",
                   "unread",
                   "pcb",
                   "seg->len",
                   "pcb->state",
                   "conn.cwnd",
                   "conn.snd_buf",
                   "conn.points[0].x",
                   "conn.points[0].y",
                   "conn.points[1].x",
                   "conn.points[1].y",
                   "conn.cwnd.max",
                   "table[0]",
                   "table[1]",
                   "table[2]",
                   "table[3]",
                   "m[0][0]",
                   "m[0][1]",
                   "m[0][2]",
                   "m[1][0]",
                   "m[1][1]",
                   "m[1][2]",
                   "cube[0][0][0]",
                   "cube[0][0][1]",
                   "cube[0][1][0]",
                   "cube[0][1][1]",
                   "big",
                   "ubig",
                   "u64",
                   "i64",
                   "f",
                   "d",
                   "odd[0]",
                   "odd[1]",
                   "odd[2]",
                   "odd[3]",
                   "odd[4]",
                   "odd[5]",
                   "flag",
                   "text",
                   "raw",
                   "next[0]",
                   "next[1]",
                   "names[0]",
                   "names[1]",
                   "names[2]",
                   "names[3]",
                   "values.mode",
                   "gone->away"};
  EXPECT_EQ(all[0], header);
  const Row row{"segments",
                "tcp_segment",
                "1",
                "2026-11-23T06:12:01.503921885Z",
                "1795414321503921885",
                "15",
                "4242",
                "PAUSED",
                "11",
                "21",
                "gone->away (UNREADABLE)",
                "0x7ffc00001000",
                "1",
                "ESTABLISHED",
                "1",
                "8192",
                "-1",
                "1",
                "0",
                "-2147483648",
                "65535",
                "1",
                "-2",
                "3",
                "1",
                "1",
                "2",
                "3",
                "4",
                "5",
                "6",
                "1",
                "2",
                "3",
                "4",
                "-123",
                "340282366920938463463374607431768211455",
                "18446744073709551615",
                "-9223372036854775808",
                "0.1",
                "0.1",
                "NaN",
                "Infinity",
                "-Infinity",
                "-0.0",
                "1e+300",
                "5e-324",
                "true",
                "a\"b,c\\x0a\\x1b[31mred \\u{0085} \303\274",
                "00ff",
                "0x0",
                "0xdeadbeef",
                "'=1+1",
                "-5",
                "plain",
                "",
                "3",
                ""};
  EXPECT_EQ(all[1], row);
}

TEST_F(Csv, MergesTheColumnsOfRules) {
  add(test::segments(), {values("u64: 5")});
  add(test::stats(), {test::stat(4)});
  ASSERT_TRUE(sink_->loss(test::loss(3)));
  ASSERT_TRUE(sink_->loss(test::loss(4)));
  ASSERT_TRUE(sink_->close(test::summary()));
  const Rows all = rows({.fields = {"rule", "u64", "stats"}, .rule = {}});
  const Rows expected{
      {"rule", "u64", "stats.sent", "stats.lost"}, {"segments", "5", "", ""}, {"stats", "1", "4", "0"}};
  EXPECT_EQ(all, expected);
  EXPECT_EQ(outcome_.records, 2u);
  EXPECT_EQ(outcome_.lost, 7u);
  EXPECT_TRUE(outcome_.read.complete);
}

TEST_F(Csv, TakesOneRule) {
  add(test::segments(), {values("u64: 5")});
  add(test::stats(), {test::stat(4)});
  const Rows expected{{"stats.sent", "u64"}, {"4", "1"}};
  EXPECT_EQ(rows({.fields = {"stats.sent", "u64"}, .rule = "stats"}), expected);
  const auto unknown = text({.fields = {}, .rule = "stat"});
  EXPECT_EQ(unknown.error().code, Errc::unknown_name);
  EXPECT_EQ(unknown.error().hint, "stats");
}

TEST_F(Csv, LeavesOutRulesThatHaveNoneOfTheFields) {
  add(test::segments(), {values("u64: 5")});
  add(test::stats(), {test::stat(4)});
  const Rows expected{{"mode", "stats.sent"}, {"SYNC", "4"}};
  EXPECT_EQ(rows({.fields = {"mode", "stats.sent"}, .rule = {}}), expected);
  EXPECT_EQ(rows({.fields = {"mode"}, .rule = {}}).size(), 3u);
}

TEST_F(Csv, ColumnsAreThoseOfAllRecords) {
  add(test::segments(),
      {values("u64: 1"), values("table: [1]"), values("conn { cwnd: 3 } table: [1, 2, 3]"), values("")});
  const Rows expected{{"u64", "conn.cwnd", "table[0]", "table[1]", "table[2]", "gone->away"},
                      {"1", "", "", "", "", ""},
                      {"", "", "1", "", "", ""},
                      {"", "3", "1", "2", "3", ""},
                      {"", "", "", "", "", ""}};
  EXPECT_EQ(rows({.fields = {"u64", "conn", "table", "gone->away"}, .rule = {}}), expected);
}

TEST_F(Csv, NamesFieldsByTheLongestThatFits) {
  add(test::segments(), {test::segment(7)});
  const auto one = [&](const std::string& name) {
    const Rows all = rows({.fields = {name}, .rule = {}});
    return all.size() == 2 && all[1].size() == 1 ? all[1][0] : "?";
  };
  EXPECT_EQ(one("conn.cwnd"), "7");
  EXPECT_EQ(one("conn.cwnd.max"), "65535");
  EXPECT_EQ(one("values.conn.cwnd"), "7");
  EXPECT_EQ(one("table[3]"), "7");
  EXPECT_EQ(one("m[1][0]"), "4");
  EXPECT_EQ(one("cube[0][1][1]"), "4");
  EXPECT_EQ(one("conn.points[1].y"), "-2147483648");
  EXPECT_EQ(one("mode"), "PAUSED");
  EXPECT_EQ(one("values.mode"), "3");
  EXPECT_EQ(one("seg->len"), "7");
  EXPECT_EQ(one("args.seg->len"), "7");
  EXPECT_EQ(rows({.fields = {"args"}, .rule = {}})[0], (Row{"args.pcb", "args.seg->len"}));
  EXPECT_EQ(rows({.fields = {"m[1]"}, .rule = {}})[0], (Row{"m[1][0]", "m[1][1]", "m[1][2]"}));
}

TEST_F(Csv, SaysWhatAnUnknownFieldMayHaveMeant) {
  add(test::segments(), {test::segment(1)});
  const auto hint = [&](const std::string& name) {
    const auto all = text({.fields = {"rule", name}, .rule = {}});
    EXPECT_EQ(all.error().code, Errc::unknown_name);
    EXPECT_EQ(all.error().subject, name);
    return all.error().hint;
  };
  EXPECT_EQ(hint("pcb->stat"), "pcb->state");
  EXPECT_EQ(hint("conn.cwn"), "conn.cwnd");
  EXPECT_EQ(hint("time_n"), "time_ns");
  hint("table.x");
  hint("table[");
  hint("table[-1]");
  hint("table[1][1]");
  hint("u64[0]");
  hint("u64.x");
  EXPECT_EQ(hint("cwnd"), "conn.cwnd");
  const auto outside = text({.fields = {"table[4]"}, .rule = {}});
  EXPECT_EQ(outside.error().code, Errc::bad_config);
  EXPECT_NE(outside.error().hint.find("4 elements"), std::string::npos);
}

TEST_F(Csv, TextCannotBecomeAFormula) {
  add(test::segments(),
      {values(
          R"x(names: ["=HYPERLINK(0)", "+1+1", "-1+1|x", "@SUM(A1)", "-12", "+3.5e2", "-Infinity", "\t=1"])x")});
  const Rows all = rows({.fields = {"names"}, .rule = {}});
  const Row expected{"'=HYPERLINK(0)", "'+1+1",     "'-1+1|x", "'@SUM(A1)", "-12",
                     "+3.5e2",         "-Infinity", "\\x09=1"};
  EXPECT_EQ(all[1], expected);
}

TEST_F(Csv, CountsWhatDoesNotDecode) {
  add(test::segments(), {values("u64: 1"), "\xff", values("u64: 3")});
  const Rows expected{{"u64"}, {"1"}, {"3"}};
  EXPECT_EQ(rows({.fields = {"u64"}, .rule = {}}), expected);
  EXPECT_EQ(outcome_.undecoded, 1u);
}

TEST_F(Csv, ReadsAPipe) {
  add(test::segments(), {values("u64: 1")});
  ASSERT_TRUE(sink_->close(test::summary()));
  const std::string bytes = test::read_file(path_);
  path_ = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  std::thread writer([&] { test::write_file(path_, bytes); });
  const Rows all = rows({.fields = {"u64"}, .rule = {}});
  writer.join();
  EXPECT_EQ(all, (Rows{{"u64"}, {"1"}}));
  EXPECT_TRUE(outcome_.read.complete);
}

TEST_F(Csv, EndsWhenAsked) {
  add(test::segments(), {values("u64: 1"), values("u64: 2"), values("u64: 3")});
  int lines = 0;
  ASSERT_TRUE(write_csv(path_, {}, [&](std::string_view) { return ++lines < 2; }));
  EXPECT_EQ(lines, 2);
}

TEST_F(Csv, ACaptureWithoutRecordsHasAHeader) {
  add(test::stats(), {});
  EXPECT_EQ(rows(), (Rows{{"stats", "u64"}}));
}

TEST_F(Csv, SaysWhichFileIsNoCapture) {
  path_ = folder_.file("none");
  EXPECT_EQ(text().error().code, Errc::io);
  EXPECT_EQ(text().error().subject, path_);
}

}  // namespace
}  // namespace vmitap::sink
