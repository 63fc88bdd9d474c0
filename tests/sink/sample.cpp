// SPDX-License-Identifier: MIT
#include "sample.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>

namespace vmitap::sink::test {
namespace {

using google::protobuf::DescriptorPool;

// A channel by the descriptors that protoc made of RULE.proto.
Channel compiled(const std::string& rule, const std::string& message) {
  Channel channel;
  channel.set_rule(rule);
  channel.set_message(message);
  if (!channel.mutable_files()->ParseFromString(read_file(VMITAP_SAMPLE_DIR "/" + rule + ".desc")))
    throw std::runtime_error("no descriptors of " + rule);
  return channel;
}

std::string item(std::string_view kind, const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream to(&bytes);
    google::protobuf::io::CodedOutputStream out(&to);
    out.SetSerializationDeterministic(true);  // maps
    message.SerializeToCodedStream(&out);
  }
  return fmt::format("{} {}", kind, bytes);
}

std::string record_item(std::string_view channel, std::uint64_t time_ns, std::string_view message) {
  return fmt::format("record {} {} {}", channel, time_ns, message);
}

}  // namespace

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "vmitap-sink-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string encode(const Channel& channel, const std::string& text) {
  struct Types {
    DescriptorPool pool;
    google::protobuf::DynamicMessageFactory factory;
    std::unique_ptr<google::protobuf::Message> message;
  };
  static std::map<std::string, Types> all;
  Types& types = all[channel.message()];
  if (!types.message) {
    for (const auto& file : channel.files().file()) types.pool.BuildFile(file);
    types.message.reset(
        types.factory.GetPrototype(types.pool.FindMessageTypeByName(channel.message()))->New());
  }
  if (!google::protobuf::TextFormat::ParseFromString(text, types.message.get()))
    throw std::runtime_error("the message does not parse: " + text);
  return types.message->SerializeAsString();
}

std::string difference(const std::vector<std::string>& found, const std::vector<std::string>& expected) {
  for (std::size_t i = 0; i < std::max(found.size(), expected.size()); ++i) {
    const std::string_view a = i < found.size() ? std::string_view(found[i]) : "nothing ";
    const std::string_view b = i < expected.size() ? std::string_view(expected[i]) : "nothing ";
    if (a != b)
      return fmt::format("item {}: found a {}, expected a {}", i, a.substr(0, a.find(' ')),
                         b.substr(0, b.find(' ')));
  }
  return {};
}

Session session() {
  Session session;
  session.set_vmitap_version("0.1.0");
  session.set_time_ns(kStart);
  auto& guest = *session.add_guests();
  guest.set_name("local:router");
  guest.set_id(1234);
  return session;
}

Catalog catalog() {
  Catalog catalog;
  catalog.set_object("/usr/bin/router");
  catalog.set_build_id("00ff");
  catalog.add_types()->set_name("void");
  auto& type = *catalog.add_types();
  type.set_name("conn");
  type.set_size(24);
  return catalog;
}

Summary summary() {
  Summary summary;
  summary.set_ended_by("count reached");
  summary.set_start_time_ns(kStart);
  summary.set_end_time_ns(kStart + 1'000'000'000);
  (*summary.mutable_lost())["RING_FULL"] = 3;
  (*summary.mutable_lost())["NO_RING"] = 1;
  return summary;
}

Loss loss(std::uint64_t count) {
  Loss loss;
  loss.set_reason(Loss::RING_FULL);
  loss.set_count(count);
  loss.set_guest("local:router");
  loss.set_time_ns(kStart + count);
  return loss;
}

Channel segments(std::uint32_t id) {
  static const Channel made = compiled("segments", "vmitap.rule.segments.Segments");
  Channel copy = made;
  copy.set_id(id);
  return copy;
}

Channel stats(std::uint32_t id) {
  static const Channel made = compiled("stats", "vmitap.rule.stats.Stats");
  Channel copy = made;
  copy.set_id(id);
  return copy;
}

Channel packets(std::uint32_t id) {
  static const Channel made = compiled("packets", "vmitap.rule.packets.Packets");
  Channel copy = made;
  copy.set_id(id);
  return copy;
}

std::string segment(std::uint64_t sequence) {
  return encode(segments(), fmt::format(R"(
    facts {{ trigger: "tcp_segment" sequence: {0} time_ns: {1} monotonic_ns: {0}5 thread: 4242 mode: PAUSED
            skid_ns: 1{0} pause_ns: 2{0} unread {{ value: "gone->away" reason: UNREADABLE }} }}
    args {{ pcb: 0x7ffc00001000 seg_len: {0} }}
    values {{
      pcb_state: ESTABLISHED
      conn {{ cwnd: {0} snd_buf: 8192 points {{ x: -1 y: 1 }} points {{ x: 0 y: -2147483648 }} }}
      conn_cwnd: 65535
      table: [1, -2, 3, {0}]
      m {{ row: [1, 2, 3] }} m {{ row: [4, 5, 6] }}
      cube {{ row {{ row: [1, 2] }} row {{ row: [3, 4] }} }}
      big {{ high: -1 low: 0xffffffffffffff85 }}
      ubig {{ high: 0xffffffffffffffff low: 0xffffffffffffffff }}
      u64: 18446744073709551615
      i64: -9223372036854775808
      f: 0.1
      d: 0.1
      odd: [nan, inf, -inf, -0.0, 1e300, 5e-324]
      flag: true
      text: "a\"b,c\n\033[31mred \302\205 \303\274"
      raw: "\000\377"
      next: [0, 0xdeadbeef]
      names: ["=1+1", "-5", "plain", ""]
      mode: 3
    }})",
                                        sequence, kStart + sequence));
}

std::string stat(std::uint64_t sequence) {
  return encode(stats(), fmt::format(R"(
    facts {{ trigger: "every" sequence: {0} time_ns: {1} monotonic_ns: 5 mode: SYNC lost_before: 2 guest: "local:router" }}
    values {{ stats {{ sent: {0} lost: 0 }} u64: 1 }})",
                                     sequence, kStart + sequence));
}

Result<void> write_sample(pipeline::Sink& sink, std::uint64_t records) {
  const auto bytes = [](const std::string& text) { return std::as_bytes(std::span(text)); };
  if (auto r = sink.session(session()); !r) return r;
  if (auto r = sink.catalog(catalog()); !r) return r;
  if (auto r = sink.channel(segments()); !r) return r;
  if (auto r = sink.channel(stats()); !r) return r;
  for (std::uint64_t i = 1; i <= records; ++i) {
    if (auto r = sink.record(7, kStart + i, bytes(segment(i))); !r) return r;
    if (i % 4 != 0) continue;
    if (auto r = sink.record(9, kStart + i, bytes(stat(i))); !r) return r;
    if (auto r = sink.loss(loss(i)); !r) return r;
    if (auto r = sink.flush(); !r) return r;
  }
  return sink.close(summary());
}

std::size_t Reading::count(std::string_view kind) const {
  std::size_t found = 0;
  for (const std::string& one : items)
    if (one.starts_with(kind) && one[kind.size()] == ' ') ++found;
  return found;
}

Result<Reading> read_all(const std::string& path) {
  Reading reading;
  std::map<std::uint32_t, std::string> rules;
  const auto keep = [&](std::string text) {
    reading.items.push_back(std::move(text));
    return true;
  };
  ReadHandlers handlers;
  handlers.session = [&](const Session& one) { return keep(item("session", one)); };
  handlers.catalog = [&](const Catalog& one) { return keep(item("catalog", one)); };
  handlers.channel = [&](const Channel& one) {
    rules[one.id()] = one.rule();
    Channel without_id = one;
    without_id.clear_id();  // ids are the file's own
    return keep(item("channel", without_id));
  };
  handlers.record = [&](const ReadRecord& one) {
    return keep(record_item(rules.at(one.channel), one.time_ns,
                            {reinterpret_cast<const char*>(one.message.data()), one.message.size()}));
  };
  handlers.loss = [&](const Loss& one) { return keep(item("loss", one)); };
  handlers.summary = [&](const Summary& one) { return keep(item("summary", one)); };
  auto outcome = read_capture(path, handlers);
  if (!outcome) return tl::unexpected(outcome.error());
  reading.outcome = *outcome;
  return reading;
}

std::vector<std::string> expected_items(std::uint64_t records) {
  std::vector<std::string> items{item("session", session()), item("catalog", catalog())};
  for (Channel one : {segments(), stats()}) {
    one.clear_id();
    items.push_back(item("channel", one));
  }
  for (std::uint64_t i = 1; i <= records; ++i) {
    items.push_back(record_item("segments", kStart + i, segment(i)));
    if (i % 4 != 0) continue;
    items.push_back(record_item("stats", kStart + i, stat(i)));
    items.push_back(item("loss", loss(i)));
  }
  items.push_back(item("summary", summary()));
  return items;
}

}  // namespace vmitap::sink::test
