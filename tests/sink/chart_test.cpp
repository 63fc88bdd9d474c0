// SPDX-License-Identifier: MIT
#include "sink/chart.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "sample.hpp"
#include "sink/html_report.hpp"
#include "sink/open_sink.hpp"

namespace vmitap::sink {
namespace {

using test::Folder;

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

// Packets of two connections, whose cwnd is that many.
class Charts : public testing::Test {
 protected:
  void SetUp() override {
    auto sink = std::move(*open_sink(path_, Format::mcap));
    ASSERT_TRUE(sink->session(test::session()));
    ASSERT_TRUE(sink->channel(test::packets()));
    for (unsigned i = 0; i < 100; ++i) {
      const std::string record =
          test::encode(test::packets(), fmt::format(R"(facts {{ trigger: "packet" mode: SYNC }}
          args {{ packet {{ direction: PACKET_SENT ip_version: 4 ip_protocol: 6 source_port: {} destination_port: 80
                            source: "\nM\001\002\000\000\000\000\000\000\000\000\000\000\000\000"
                            destination: "\nM\001\001\000\000\000\000\000\000\000\000\000\000\000\000" }} }}
          values {{ cwnd: {} name: "<b>" }})",
                                                    i % 4 == 3 ? 2000 : 1000, i));
      ASSERT_TRUE(sink->record(static_cast<pipeline::ChannelId>(test::packets().id()),
                               test::kStart + i * 1'000'000, std::as_bytes(std::span(record))));
    }
    ASSERT_TRUE(sink->flush());
  }

  Folder folder_;
  std::string path_ = folder_.file("capture");
};

TEST_F(Charts, OrdersNumbersByConnection) {
  const auto read = read_series(path_, {});
  ASSERT_TRUE(read);
  ASSERT_EQ(read->series.size(), 2u);
  EXPECT_EQ(read->series[0].connection, "tcp 10.77.1.2:1000 <-> 10.77.1.1:80");
  EXPECT_EQ(read->series[0].field, "sk->snd_cwnd");
  EXPECT_EQ(read->series[0].samples.size(), 75u);
  EXPECT_EQ(read->series[1].connection, "tcp 10.77.1.2:2000 <-> 10.77.1.1:80");
  EXPECT_EQ(read->series[1].samples[0].value, 3);
  EXPECT_EQ(read->series[1].samples[0].time_ns, test::kStart + 3'000'000);
}

TEST_F(Charts, TakeOneConnectionByAPartOfItsName) {
  const auto read = read_series(path_, {.connection = ":2000", .fields = {"sk->snd_cwnd"}});
  ASSERT_TRUE(read);
  ASSERT_EQ(read->series.size(), 1u);
  EXPECT_EQ(read->series[0].samples.size(), 25u);
  const auto none = read_series(path_, {.connection = ":2001"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::unknown_name);
  const auto near = read_series(path_, {.connection = "tcp 10.77.1.2:2001 <-> 10.77.1.1:80"});
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().hint, "tcp 10.77.1.2:2000 <-> 10.77.1.1:80");
}

TEST_F(Charts, TakeTheGuestByNameIdOrProgram) {
  const GuestInfo guest = test::session().guests(0);
  const std::string id = guest.name().substr(guest.name().find(':') + 1);
  for (const std::string& text : {guest.name(), id, guest.program(), "local:" + guest.program()})
    EXPECT_EQ(read_series(path_, {.guest = text})->series.size(), 2u) << text;
  const auto none = read_series(path_, {.guest = guest.name() + "1"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::unknown_name);
  EXPECT_EQ(none.error().hint, guest.name());
}

TEST_F(Charts, CountValuesOfMoreConnectionsThanTheyKeep) {
  const auto read = read_series(path_, {.connections_max = 1});
  ASSERT_TRUE(read);
  ASSERT_EQ(read->series.size(), 1u);
  EXPECT_EQ(read->series[0].connection, "tcp 10.77.1.2:1000 <-> 10.77.1.1:80");
  EXPECT_EQ(read->series[0].samples.size(), 75u);
  EXPECT_EQ(read->of_others, 25u);
  // Only those that were asked for take room.
  const auto named = read_series(path_, {.connection = ":2000", .connections_max = 1});
  ASSERT_TRUE(named);
  EXPECT_EQ(named->series.size(), 1u);
  EXPECT_EQ(named->of_others, 0u);
  EXPECT_EQ(read_series(path_, {})->of_others, 0u);
}

TEST_F(Charts, ShowAPartOfTheTime) {
  // What held at its begin stands there: the value of 5 ms, of a connection that has one every ms but each
  // fourth.
  const auto part = read_series(path_, {.connection = ":1000", .from_ns = 5'500'000, .span_ns = 3'000'000});
  ASSERT_TRUE(part);
  ASSERT_EQ(part->series.size(), 1u);
  const auto& samples = part->series[0].samples;
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_EQ(samples[0].time_ns, test::kStart + 5'500'000);
  EXPECT_EQ(samples[0].value, 5);
  EXPECT_EQ(samples[1].value, 6);
  EXPECT_EQ(samples[2].value, 8);
  EXPECT_TRUE(read_series(path_, {.from_ns = 99'000'001})->series.empty());
  const auto all = read_series(path_, {.connection = ":1000", .span_ns = ~std::uint64_t{0}});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->series[0].samples.size(), 75u);
}

TEST_F(Charts, AreWholeSvgDocuments) {
  const auto read = read_series(path_, {});
  ASSERT_TRUE(read);
  const std::string svg = chart_svg(read->series, "a<b>&\"c\".mcap");
  EXPECT_NE(svg.find("a&lt;b&gt;&amp;&quot;c&quot;.mcap"), std::string::npos);
  EXPECT_EQ(count(svg, "class=\"series first\""), 2u);
  EXPECT_EQ(count(svg, "class=\"heading\""), 2u);
  EXPECT_EQ(count(svg, "<g"), count(svg, "</g>"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST_F(Charts, ShowAConnectionsFieldsTogether) {
  auto read = read_series(path_, {.connection = ":1000"});
  ASSERT_TRUE(read);
  Series threshold = read->series[0];
  threshold.field = "sk->snd_ssthresh";
  for (Sample& sample : threshold.samples) sample.value = 200;
  read->series.push_back(std::move(threshold));
  EXPECT_EQ(charts_of(read->series, false).size(), 2u);
  const std::string svg = chart_svg(read->series, "title", true);
  EXPECT_EQ(count(svg, "class=\"series first\""), 1u);
  EXPECT_EQ(count(svg, "class=\"series second\""), 1u);
  EXPECT_EQ(count(svg, ">200</text>"), 1u);  // one axis, up to the highest of both
  const std::string html = html_report(*read, "title", true);
  EXPECT_EQ(count(html, "<svg "), 1u);
  EXPECT_NE(html.find("[0.004,4]"), std::string::npos);
  EXPECT_NE(html.find("[0.004,200]"), std::string::npos);
}

TEST_F(Charts, TellTheirPointsInHtml) {
  auto read = read_series(path_, {});
  ASSERT_TRUE(read);
  read->series[0].field = "</script><script>alert(1)</script>";
  const std::string html = html_report(*read, "title");
  EXPECT_EQ(html.find("alert(1)</script>"), std::string::npos);
  EXPECT_EQ(count(html, "<svg "), 2u);
  EXPECT_NE(html.find("[0,0],[0.001,1],[0.002,2],[0.004,4]"), std::string::npos);
}

TEST(Chart, HasWhatSeveralRulesReadOnce) {
  const Folder folder;
  const std::string path = folder.file("capture");
  const auto sink = std::move(*open_sink(path, Format::mcap));
  ASSERT_TRUE(sink->session(test::session()));
  for (const Channel& channel : {test::segments(), test::stats()}) {  // it is not at the same place in both
    ASSERT_TRUE(sink->channel(channel));
    const std::string record = test::encode(channel, "facts { mode: SYNC } values { u64: 1 }");
    ASSERT_TRUE(sink->record(static_cast<pipeline::ChannelId>(channel.id()), test::kStart,
                             std::as_bytes(std::span(record))));
  }
  ASSERT_TRUE(sink->flush());
  const auto read = read_series(path, {});
  ASSERT_TRUE(read);
  ASSERT_EQ(std::ranges::count(read->series, "u64", &Series::field), 1);
  EXPECT_EQ(std::ranges::find(read->series, "u64", &Series::field)->samples.size(), 2u);
}

TEST(Chart, LeavesOutWhatIsOfNoTimeWithinTheCapture) {
  const Folder folder;
  const std::string path = folder.file("capture");
  const auto sink = std::move(*open_sink(path, Format::mcap));
  ASSERT_TRUE(sink->session(test::session()));
  ASSERT_TRUE(sink->channel(test::stats()));
  const std::string record = test::encode(test::stats(), "facts { mode: SYNC } values { u64: 1 }");
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::uint64_t kEnd = test::kStart + kSecond;  // as test::summary() says
  for (const std::uint64_t time :
       {test::kStart - kSecond / 2, test::kStart, kEnd, kEnd + kSecond / 2,  // these may be
        std::uint64_t{0}, test::kStart - 2 * kSecond, kEnd + 2 * kSecond, ~std::uint64_t{0}})
    ASSERT_TRUE(sink->record(static_cast<pipeline::ChannelId>(test::stats().id()), time,
                             std::as_bytes(std::span(record))));
  ASSERT_TRUE(sink->close(test::summary()));
  const auto read = read_series(path, {});
  ASSERT_TRUE(read);
  ASSERT_EQ(read->series.size(), 1u);
  EXPECT_EQ(read->series[0].samples.size(), 4u);
  EXPECT_EQ(read->outside, 4u);
  EXPECT_NE(html_report(*read, "title").find("4 values of no time within the capture"), std::string::npos);
}

TEST(Chart, KeepsTheBusiestConnectionsAndOfEqualOnesTheFirst) {
  std::vector<Series> series;
  for (const char* name : {"a", "b", "c", "d", "e"})
    for (const char* field : {"x", "y"})
      series.push_back(
          {.field = field, .guest = {}, .connection = name, .samples = {{.time_ns = 1, .value = 0}}});
  series[6].samples.push_back({.time_ns = 2, .value = 0});
  std::vector<Series> few = series;
  EXPECT_EQ(keep_busiest(few, 3), 5u);
  std::string kept;
  for (const Series& each : few) kept += each.connection + each.field + " ";
  EXPECT_EQ(kept, "ax ay bx by dx dy ");
  EXPECT_EQ(keep_busiest(series, 5), 5u);
  EXPECT_EQ(series.size(), 10u);
}

TEST(Chart, KeepsExtremesWhenItThins) {
  Series series{.field = "x", .guest = {}, .connection = {}, .samples = {}};
  for (std::uint64_t i = 0; i < 100'000; ++i)
    series.samples.push_back({.time_ns = i,
                              .value = i == 54'321   ? 1e9
                                       : i == 54'322 ? -1e9
                                                     : std::sin(static_cast<double>(i))});
  const auto kept = thinned(series.samples, time_span({&series, 1}), 800);
  EXPECT_LE(kept.size(), 4u * 801);
  EXPECT_TRUE(std::ranges::is_sorted(kept, {}, &Sample::time_ns));
  EXPECT_EQ(std::ranges::max(kept, {}, &Sample::value).time_ns, 54'321u);
  EXPECT_EQ(std::ranges::min(kept, {}, &Sample::value).time_ns, 54'322u);
  EXPECT_EQ(kept.back().time_ns, 99'999u);
}

TEST(Chart, ShowsOneSampleAndHugeOnes) {
  for (const double value : {0.0, -1.0, 1e300, -1e300, 5e-324}) {
    Series series{.field = "x", .guest = {}, .connection = {}, .samples = {{.time_ns = 7, .value = value}}};
    const std::string group = chart_group({&series, 1}, time_span({&series, 1}));
    EXPECT_EQ(group.find("nan"), std::string::npos) << value << group;
    EXPECT_EQ(group.find("inf"), std::string::npos) << value << group;
  }
  Series far{.field = "x",
             .guest = {},
             .connection = {},
             .samples = {{.time_ns = 0, .value = -1.7e308}, {.time_ns = ~0ull, .value = 1.7e308}}};
  EXPECT_EQ(chart_group({&far, 1}, time_span({&far, 1})).find("nan"), std::string::npos);
  Series tiny{.field = "x",
              .guest = {},
              .connection = {},
              .samples = {{.time_ns = 0, .value = 0}, {.time_ns = 1, .value = 5e-324}}};
  EXPECT_EQ(chart_group({&tiny, 1}, time_span({&tiny, 1})).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace vmitap::sink
