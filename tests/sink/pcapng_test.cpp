// SPDX-License-Identifier: MIT
// The oracle is tshark, which has never heard of vmitap.
#include "sink/pcapng_export.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "sample.hpp"
#include "sink/open_sink.hpp"

namespace vmitap::sink {
namespace {

using test::Folder;

// A TCP segment from 10.77.1.2 port 43690 to 10.77.1.1 port 5001: the headers of Ethernet, IPv4 and TCP.
constexpr const char* kSegment =
    R"(\376\377\377\377\377\377\000\026>\000\000\001\010\000)"
    R"(E\000\000(\000\001@\000@\006\000\000\nM\001\002\nM\001\001)"
    R"(\252\252\023\211\000\000\003\350\000\000\007\320P\020\001\366\000\000\000\000)";

class Pcapng : public testing::Test {
 protected:
  void add(const Channel& channel, const std::vector<std::string>& records) {
    ASSERT_TRUE(sink_->channel(channel));
    std::uint64_t time = test::kStart;
    for (const std::string& record : records)
      ASSERT_TRUE(sink_->record(static_cast<pipeline::ChannelId>(channel.id()), time++,
                                std::as_bytes(std::span(record))));
  }
  void finish() { ASSERT_TRUE(sink_->flush()); }

  static std::string packet(const std::string& direction, unsigned length, const std::string& more,
                            const std::string& facts = "mode: SYNC", const std::string& args = "",
                            const std::string& device = "eth0") {
    return test::encode(test::packets(), fmt::format(R"(facts {{ trigger: "packet" {} }}
          args {{ packet {{ direction: {} length: {} queue: 1 ip_version: 4 device: "{}"
                            source: "\nM\001\002\000\000\000\000\000\000\000\000\000\000\000\000" }} {} }}
          values {{ {} }})",
                                                     facts, direction, length, device, args, more));
  }

  void lose(std::uint64_t count) {
    Loss loss = test::loss(count);
    loss.set_guest(test::session().guests(0).name());
    ASSERT_TRUE(sink_->loss(loss));
  }

  // isb_ifdrop of that many packets, as it stands in the file.
  bool has_dropped(std::uint64_t count) const {
    const std::string option =
        std::string("\5\0\10\0", 4) + std::string(reinterpret_cast<const char*>(&count), 8);
    return test::read_file(output_).find(option) != std::string::npos;
  }

  // What tshark prints of these fields, a line each packet.
  std::string tshark(const std::string& fields) const {
    std::string text;
    const std::string command =
        fmt::format("tshark -r {} -T fields -E separator='|' {} 2>/dev/null", output_, fields);
    FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return text;
    std::array<char, 4096> piece{};
    while (std::fgets(piece.data(), piece.size(), pipe) != nullptr) text += piece.data();
    EXPECT_EQ(::pclose(pipe), 0) << command;
    return text;
  }

  Folder folder_;
  std::string path_ = folder_.file("capture");
  std::string output_ = folder_.file("capture.pcapng");
  std::unique_ptr<pipeline::Sink> sink_ = std::move(*open_sink(path_, Format::mcap));
};

TEST_F(Pcapng, ShowsPacketsToTshark) {
  ASSERT_TRUE(sink_->session(test::session()));
  const std::string bytes = fmt::format("bytes: \"{}\"", kSegment);
  add(test::packets(), {packet("PACKET_SENT", 54, bytes), packet("PACKET_RECEIVED", 1514, bytes)});
  finish();
  const auto outcome = write_pcapng(path_, "", output_);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->packets, 2u);
  EXPECT_EQ(outcome->others, 0u);
  EXPECT_EQ(tshark("-e frame.time_epoch -e frame.interface_name -e frame.len -e frame.cap_len -e ip.src "
                   "-e tcp.srcport -e tcp.dstport -e tcp.seq_raw -e tcp.ack_raw"),
            "1795414321.503921884|eth0|54|54|10.77.1.2|43690|5001|1000|2000\n"
            "1795414321.503921885|eth0|1514|54|10.77.1.2|43690|5001|1000|2000\n");
  EXPECT_EQ(tshark("-e frame.interface_id -e frame.interface_description -e frame.packet_flags_direction"),
            "0|sent by local:router|0x00000002\n1|received by local:router|0x00000001\n");
}

TEST_F(Pcapng, ShowsWhatWasReadAsComments) {
  const std::string bytes = fmt::format("bytes: \"{}\"", kSegment);
  add(test::packets(),
      {packet("PACKET_SENT", 54, "cwnd: 10 name: \"a\\nb\" " + bytes),
       packet("PACKET_SENT", 54, "cwnd: 11 " + bytes, "mode: PAUSED skid_ns: 1500000 lost_before: 3")});
  finish();
  ASSERT_TRUE(write_pcapng(path_, "", output_));
  const std::string shown = tshark("-e frame.comment");
  EXPECT_NE(shown.find("sk->snd_cwnd: 10"), std::string::npos) << shown;
  EXPECT_NE(shown.find("SYNC"), std::string::npos) << shown;
  EXPECT_NE(shown.find("PAUSED, 1.500 ms after the packet"), std::string::npos) << shown;
  EXPECT_NE(tshark("-e frame.drop_count").find('3'), std::string::npos);
}

TEST_F(Pcapng, SaysHowExactValuesAreBeforeALongOne) {
  add(test::packets(),
      {packet("PACKET_SENT", 54,
              fmt::format("name: \"{}\" bytes: \"{}\"", std::string(70'000, 'x'), kSegment))});
  finish();
  ASSERT_TRUE(write_pcapng(path_, "", output_));
  EXPECT_TRUE(tshark("-e frame.comment").starts_with("SYNC"));
}

TEST_F(Pcapng, TellsApartWhatSeveralRulesTook) {
  ASSERT_TRUE(sink_->session(test::session()));
  Channel other = test::packets(12);
  other.set_rule("every tenth");
  const std::string bytes = fmt::format("bytes: \"{}\"", kSegment);
  const std::string taken = packet("PACKET_RECEIVED", 54, bytes, "mode: INLINE lost_before: 3");
  ASSERT_TRUE(sink_->channel(other));
  add(test::packets(), {taken, packet("PACKET_SENT", 54, bytes)});
  ASSERT_TRUE(sink_->record(12, test::kStart, std::as_bytes(std::span(taken))));
  lose(7);
  finish();
  const auto outcome = write_pcapng(path_, "", output_);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->overlapping, (std::vector<std::string>{"every tenth", "packets"}));
  EXPECT_EQ(tshark("-e frame.interface_description -e frame.drop_count -e frame.comment"),
            "received by local:router, rule packets||3 records lost just before it\n"
            "sent by local:router, rule packets||\n"
            "received by local:router, rule every tenth||3 records lost just before it\n");
  EXPECT_FALSE(has_dropped(7));
  EXPECT_NE(test::read_file(output_).find("7 records of local:router lost"), std::string::npos);
  const auto one = write_pcapng(path_, "packets", output_);
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->overlapping.empty());
  EXPECT_EQ(tshark("-e frame.drop_count"), "\n\n");  // what was lost may be of the other
}

TEST_F(Pcapng, HasWhatWasLostBehindTheLastPacket) {
  ASSERT_TRUE(sink_->session(test::session()));
  add(test::packets(), {packet("PACKET_SENT", 54, fmt::format("bytes: \"{}\"", kSegment))});
  lose(4);
  lose(3);
  finish();
  const auto outcome = write_pcapng(path_, "", output_);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->lost, 7u);
  EXPECT_TRUE(has_dropped(7));
  EXPECT_EQ(tshark("-e frame.len"), "54\n");  // it still reads the file
}

// Twice, for names stand behind the packets.
constexpr const char* kSourceByName = "-2 -Nn -e ip.src_host";

TEST_F(Pcapng, NamesTheGuestsAddress) {
  ASSERT_TRUE(sink_->session(test::session()));
  add(test::packets(), {packet("PACKET_SENT", 54, fmt::format("bytes: \"{}\"", kSegment))});
  finish();
  ASSERT_TRUE(write_pcapng(path_, "", output_));
  EXPECT_EQ(tshark(kSourceByName), "router\n");
}

TEST_F(Pcapng, NamesNoAddressOfWhatTheGuestForwards) {
  ASSERT_TRUE(sink_->session(test::session()));
  const std::string bytes = fmt::format("bytes: \"{}\"", kSegment);
  add(test::packets(), {packet("PACKET_SENT", 54, bytes, "mode: SYNC", "sk: 0"),
                        packet("PACKET_RECEIVED", 54, bytes, "mode: SYNC", "sk: 1")});
  finish();
  ASSERT_TRUE(write_pcapng(path_, "", output_));
  EXPECT_EQ(tshark(kSourceByName), "10.77.1.2\n10.77.1.2\n");
}

TEST_F(Pcapng, NamesAnAddressThatTwoGuestsSendFromAfterNone) {
  const std::string bytes = fmt::format("bytes: \"{}\"", kSegment);
  add(test::packets(), {packet("PACKET_SENT", 54, bytes, "guest: \"xen:liar\"", "sk: 1"),
                        packet("PACKET_SENT", 54, bytes, "guest: \"xen:web\"", "sk: 1")});
  finish();
  ASSERT_TRUE(write_pcapng(path_, "", output_));
  EXPECT_EQ(tshark(kSourceByName), "10.77.1.2\n10.77.1.2\n");
}

TEST_F(Pcapng, NamesAGuestThatIsSeenFromBothEnds) {
  const std::string bytes = fmt::format("bytes: \"{}\"", kSegment);
  add(test::packets(), {packet("PACKET_SENT", 54, bytes, "guest: \"xen:web\"", "sk: 1"),
                        packet("PACKET_SENT", 54, bytes, "guest: \"xen:web/vif0\"")});
  finish();
  ASSERT_TRUE(write_pcapng(path_, "", output_));
  EXPECT_EQ(tshark(kSourceByName), "web\nweb\n");
}

TEST_F(Pcapng, CutsLongNamesBetweenCharacters) {
  Session session = test::session();
  const std::string whole = std::string(251, 'a') + "\u20ac";
  session.mutable_guests(0)->set_name("xen:" + whole + "\u20ac");
  ASSERT_TRUE(sink_->session(session));
  add(test::packets(), {packet("PACKET_SENT", 54, fmt::format("bytes: \"{}\"", kSegment))});
  finish();
  ASSERT_TRUE(write_pcapng(path_, "", output_));
  // tshark cuts names itself, and shorter.
  EXPECT_NE(test::read_file(output_).find("\x0a\x4d\x01\x02" + whole + std::string(1, '\0')),
            std::string::npos);
}

TEST_F(Pcapng, WritesNoEmptyName) {
  Session session = test::session();
  session.mutable_guests(0)->set_name("xen:");
  ASSERT_TRUE(sink_->session(session));
  add(test::packets(), {packet("PACKET_SENT", 54, fmt::format("bytes: \"{}\"", kSegment))});
  finish();
  ASSERT_TRUE(write_pcapng(path_, "", output_));
  constexpr std::string_view kNamesBlock("\4\0\0\0", 4);
  const std::string file = test::read_file(output_);
  EXPECT_EQ(file.find(std::string(kNamesBlock) + std::string("\x1c\0\0\0", 4)), std::string::npos);
}

TEST_F(Pcapng, CutsBytesBehindThePacketsEndAndLeavesOutWhatHasNone) {
  const std::string bytes = fmt::format("bytes: \"{}\\000\\000\\000\"", kSegment);
  add(test::packets(), {packet("PACKET_RECEIVED", 54, bytes), packet("PACKET_RECEIVED", 54, "cwnd: 1"),
                        packet("PACKET_RECEIVED", 54, "bytes: \"\"")});
  add(test::segments(), {test::segment(1)});
  finish();
  const auto outcome = write_pcapng(path_, "", output_);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->packets, 1u);
  EXPECT_EQ(outcome->others, 3u);
  EXPECT_EQ(tshark("-e frame.cap_len"), "54\n");
}

TEST_F(Pcapng, MakesNoFileWithoutPackets) {
  add(test::segments(), {test::segment(1)});
  finish();
  const auto outcome = write_pcapng(path_, "", output_);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->packets, 0u);
  EXPECT_FALSE(std::filesystem::exists(output_));
  const auto unknown = write_pcapng(path_, "packts", output_);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::unknown_name);
}

TEST_F(Pcapng, GivesAGuestThatTellsManyDevicesOneOfOthersForEachDirection) {
  ASSERT_TRUE(sink_->session(test::session()));
  const std::string bytes = fmt::format("bytes: \"{}\"", kSegment);
  std::vector<std::string> records;
  for (std::size_t i = 0; i < kInterfacesMax + 3; ++i)
    records.push_back(packet("PACKET_SENT", 54, bytes, "mode: SYNC", "", fmt::format("eth{}", i)));
  records.push_back(packet("PACKET_RECEIVED", 54, bytes));
  records.push_back(packet("PACKET_SENT", 54, bytes));
  add(test::packets(), records);
  lose(4);
  finish();
  const auto outcome = write_pcapng(path_, "", output_);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->packets, kInterfacesMax + 5);
  EXPECT_EQ(outcome->of_others, 4u);
  EXPECT_TRUE(outcome->overlapping.empty());
  const std::string shown = tshark("-e frame.interface_name -e frame.interface_description");
  const std::string last = fmt::format("eth{}|sent by local:router\n", kInterfacesMax - 1) +
                           "others|sent by others\nothers|sent by others\nothers|sent by others\n"
                           "others|received by others\neth0|sent by local:router\n";
  EXPECT_TRUE(shown.ends_with(last)) << shown.substr(shown.size() - std::min(shown.size(), last.size()));
}

TEST_F(Pcapng, SaysThatTheDiskIsFull) {
  add(test::packets(), {packet("PACKET_SENT", 54, fmt::format("bytes: \"{}\"", kSegment))});
  finish();
  const auto outcome = write_pcapng(path_, "", "/dev/full");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::io);
  EXPECT_EQ(outcome.error().sys, ENOSPC);
}

}  // namespace
}  // namespace vmitap::sink
