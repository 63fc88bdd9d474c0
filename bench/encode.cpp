// SPDX-License-Identifier: MIT
// What it costs to turn a C struct into protobuf wire format: vmitap's plan, compiled at run time from DWARF,
// beside protobuf's own generated code and its reflection. All write the same bytes, which is checked first.
#include <benchmark/benchmark.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "encode_reflection.hpp"
#include "peer.pb.h"
#include "subject.h"
#include "types/object.hpp"
#include "types/schema.hpp"

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::cerr << "bench_encode: " << what << '\n';
  std::exit(1);
}

// Connections in all their states: enough of them that no branch predictor learns them by heart.
std::vector<connection> make_connections() {
  std::mt19937_64 random(20);
  const auto counter = [&] { return random() >> (random() % 64); };  // as often 3 digits as 9
  const auto counter32 = [&] { return static_cast<std::uint32_t>(counter() >> 32); };
  const auto bits = [&] { return static_cast<unsigned>(random()); };
  std::vector<connection> made(1024);
  for (connection& c : made) {
    c = {};
    c.next = &made[random() % made.size()];
    c.local = {bits(), static_cast<std::uint16_t>(bits()), 64, 0};
    c.remote = {bits(), 443, static_cast<std::uint8_t>(bits()), static_cast<std::uint8_t>(bits() & 0xfc)};
    c.state = static_cast<connection_state>(random() % (TIME_WAIT + 1));
    c.nodelay = bits() & 1;
    c.keepalive = bits() & 1;
    c.sack_permitted = 1;
    c.send_scale = bits() & 15;
    c.receive_scale = 7;
    c.congestion_state = bits() & 7;
    c.retransmits = static_cast<int>(random() % 8) - 1;
    c.is_passive = (bits() & 1) != 0;
    c.mss = 1448;
    c.rtt_timer = static_cast<std::int16_t>(static_cast<int>(random() % 100) - 1);
    c.rto_us = 200'000 + static_cast<std::int32_t>(random() % 100'000);
    for (std::uint32_t* sequence : {&c.snd_una, &c.snd_wl1, &c.snd_wl2, &c.rcv_nxt}) *sequence = bits();
    c.snd_nxt = c.snd_una + 1448 * (bits() % 64);
    for (std::uint32_t* window : {&c.snd_wnd, &c.snd_buf, &c.rcv_wnd, &c.cwnd, &c.ssthresh})
      *window = 1448 * (bits() % 4096);
    c.rcv_announced = c.rcv_nxt + c.rcv_wnd;
    for (std::uint32_t* time : {&c.srtt_us, &c.rttvar_us, &c.min_rtt_us}) *time = bits() % 200'000;
    for (std::uint32_t* count : {&c.packets_out, &c.sacked_out, &c.lost_out, &c.retrans_out,
                                 &c.duplicate_acks, &c.total_retransmits})
      *count = bits() % 4 == 0 ? counter32() >> 16 : bits() % 8;
    for (std::uint64_t* count : {&c.bytes_acked, &c.bytes_received, &c.segments_out, &c.segments_in})
      *count = counter() >> 20;
    c.created_ns = 1'700'000'000'000'000'000u + counter();
    c.delivery_rate = static_cast<double>(bits()) / 7;
    for (std::uint32_t& rtt : c.rtt_history) rtt = bits() % 200'000;
    std::strcpy(c.congestion_control, (bits() & 1) != 0 ? "cubic" : "bbr");
  }
  return made;
}

const std::vector<connection>& connections() {
  static const std::vector<connection> made = make_connections();
  return made;
}

// The next connection, round and round.
class Next {
 public:
  const connection& operator()() {
    const connection& next = connections()[at_];
    at_ = (at_ + 1) % connections().size();
    return next;
  }

 private:
  std::size_t at_ = 0;
};

std::span<const std::byte> bytes_of(const connection& c) { return std::as_bytes(std::span(&c, 1)); }

// What vmitap knows of struct connection, from this program's DWARF alone.
struct Subject {
  std::shared_ptr<const vmitap::types::Catalog> catalog;
  vmitap::types::TypeId type = 0;
  vmitap::types::RuleSchema schema;
  google::protobuf::DescriptorPool pool;
  google::protobuf::DynamicMessageFactory factory;
  const google::protobuf::Message* prototype = nullptr;  // of the message `values`

  Subject() {
    auto loaded =
        vmitap::types::load_object("/proc/self/exe", {.debug_dirs = {}, .build_id = {}, .all_types = true});
    if (!loaded) fail("cannot read its own debug information");
    catalog = *std::move(loaded);
    type = catalog->find("struct connection");
    if (catalog->types[type].size != sizeof(connection)) fail("does not find struct connection");
    vmitap::types::Value value;
    value.expression = "connection";
    value.catalog = catalog;
    value.type = type;
    value.fetch.size = sizeof(connection);
    auto made = vmitap::types::make_schema("bench", nullptr, {}, 0, std::span(&value, 1));
    if (!made) fail("cannot make a schema");
    schema = *std::move(made);
    for (const auto& file : schema.files.file())
      if (pool.BuildFile(file) == nullptr) fail("libprotobuf refuses the schema");
    const auto* const rule = pool.FindMessageTypeByName(schema.message);
    prototype = factory.GetPrototype(rule->FindFieldByNumber(vmitap::types::kValuesField)->message_type());
  }
};

Subject& subject() {
  static Subject only;
  return only;
}

const vmitap::types::EncodePlan& plan() { return subject().schema.values.front(); }

void fill(const endpoint& from, peer::Endpoint& into) {
  into.set_address(from.address);
  into.set_port(from.port);
  into.set_ttl(from.ttl);
  into.set_tos(from.tos);
}

// As one writes it by hand.
void fill(const connection& from, peer::Connection& into) {
  into.set_next(reinterpret_cast<std::uintptr_t>(from.next));
  fill(from.local, *into.mutable_local());
  fill(from.remote, *into.mutable_remote());
  into.set_state(static_cast<peer::ConnectionState>(from.state));
  into.set_nodelay(from.nodelay);
  into.set_keepalive(from.keepalive);
  into.set_sack_permitted(from.sack_permitted);
  into.set_send_scale(from.send_scale);
  into.set_receive_scale(from.receive_scale);
  into.set_congestion_state(from.congestion_state);
  into.set_retransmits(from.retransmits);
  into.set_is_passive(from.is_passive);
  into.set_is_app_limited(from.is_app_limited);
  into.set_mss(from.mss);
  into.set_rtt_timer(from.rtt_timer);
  into.set_rto_us(from.rto_us);
  into.set_snd_una(from.snd_una);
  into.set_snd_nxt(from.snd_nxt);
  into.set_snd_wnd(from.snd_wnd);
  into.set_snd_wl1(from.snd_wl1);
  into.set_snd_wl2(from.snd_wl2);
  into.set_snd_buf(from.snd_buf);
  into.set_rcv_nxt(from.rcv_nxt);
  into.set_rcv_wnd(from.rcv_wnd);
  into.set_rcv_announced(from.rcv_announced);
  into.set_cwnd(from.cwnd);
  into.set_ssthresh(from.ssthresh);
  into.set_srtt_us(from.srtt_us);
  into.set_rttvar_us(from.rttvar_us);
  into.set_min_rtt_us(from.min_rtt_us);
  into.set_packets_out(from.packets_out);
  into.set_sacked_out(from.sacked_out);
  into.set_lost_out(from.lost_out);
  into.set_retrans_out(from.retrans_out);
  into.set_duplicate_acks(from.duplicate_acks);
  into.set_total_retransmits(from.total_retransmits);
  into.set_bytes_acked(from.bytes_acked);
  into.set_bytes_received(from.bytes_received);
  into.set_segments_out(from.segments_out);
  into.set_segments_in(from.segments_in);
  into.set_created_ns(from.created_ns);
  into.set_delivery_rate(from.delivery_rate);
  for (const std::uint32_t rtt : from.rtt_history) into.add_rtt_history(rtt);
  into.set_congestion_control(from.congestion_control);
}

// The fields are set ahead of time and only written here.
std::size_t serialize(const google::protobuf::MessageLite& message, std::span<std::byte> into) {
  const std::size_t size = message.ByteSizeLong();
  if (size > into.size() || !message.SerializeToArray(into.data(), static_cast<int>(size)))
    fail("libprotobuf does not serialize");
  return size;
}

std::string to_string(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

using Buffer = std::array<std::byte, 4096>;

bench::ReflectionFill make_reflection() {
  const auto* const values = subject().prototype->GetDescriptor();
  return {*subject().catalog, subject().type, *values->FindFieldByNumber(1)->message_type()};
}

void reflect(const bench::ReflectionFill& reflection, const connection& from,
             google::protobuf::Message& values) {
  const auto* const field = values.GetDescriptor()->FindFieldByNumber(1);
  reflection.fill(bytes_of(from).data(), *values.GetReflection()->MutableMessage(&values, field));
}

// Same bytes, and what they say is what the struct says.
void verify() {
  vmitap::types::BackWriter writer;
  Buffer buffer;
  const bench::ReflectionFill reflection = make_reflection();
  for (const connection& c : connections()) {
    writer.clear();
    plan().encode(bytes_of(c), writer);
    const std::string ours = to_string(writer.bytes());
    peer::Values generated;
    fill(c, *generated.mutable_connection());
    const std::string theirs = to_string({buffer.data(), serialize(generated, buffer)});
    const std::unique_ptr<google::protobuf::Message> dynamic(subject().prototype->New());
    reflect(reflection, c, *dynamic);
    const std::string reflected = to_string({buffer.data(), serialize(*dynamic, buffer)});
    if (ours == theirs && ours == reflected) continue;
    peer::Values decoded;
    if (!decoded.ParseFromString(ours)) fail("the plan's bytes are no protobuf");
    fail("the encoders disagree\nplan:\n" + decoded.DebugString() + "\ngenerated:\n" +
         generated.DebugString() + "\nreflection:\n" + dynamic->DebugString());
  }
}

void report(benchmark::State& state, std::size_t bytes) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["bytes"] =
      benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
}

void encode_plan(benchmark::State& state) {
  vmitap::types::BackWriter writer;
  Next next;
  std::size_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    writer.clear();
    plan().encode(bytes_of(next()), writer);
    benchmark::DoNotOptimize(writer.bytes().data());
    bytes += writer.size();
  }
  report(state, bytes);
}

// One message that is used again and again, as protobuf advises.
void encode_generated(benchmark::State& state) {
  peer::Values values;
  Buffer buffer;
  Next next;
  std::size_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    values.mutable_connection()->clear_rtt_history();  // every other field is set anew
    fill(next(), *values.mutable_connection());
    bytes += serialize(values, buffer);
    benchmark::DoNotOptimize(buffer.data());
  }
  report(state, bytes);
}

// The least that generated code can do: messages filled ahead of time.
void encode_generated_filled(benchmark::State& state) {
  std::vector<peer::Values> filled(connections().size());
  for (std::size_t i = 0; i < filled.size(); ++i) fill(connections()[i], *filled[i].mutable_connection());
  Buffer buffer;
  std::size_t at = 0;
  std::size_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    bytes += serialize(filled[at], buffer);
    at = (at + 1) % filled.size();
    benchmark::DoNotOptimize(buffer.data());
  }
  report(state, bytes);
}

void encode_reflection(benchmark::State& state) {
  const std::unique_ptr<google::protobuf::Message> values(subject().prototype->New());
  const bench::ReflectionFill reflection = make_reflection();
  Buffer buffer;
  Next next;
  std::size_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    values->Clear();
    reflect(reflection, next(), *values);
    bytes += serialize(*values, buffer);
    benchmark::DoNotOptimize(buffer.data());
  }
  report(state, bytes);
}

// The floor: the struct's bytes as they are.
void copy_bytes(benchmark::State& state) {
  Buffer buffer;
  Next next;
  std::size_t bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    std::memcpy(buffer.data(), &next(), sizeof(connection));
    bytes += sizeof(connection);
    benchmark::DoNotOptimize(buffer.data());
  }
  report(state, bytes);
}

BENCHMARK(encode_plan)->Name("encode/plan");
BENCHMARK(encode_generated)->Name("encode/protobuf generated");
BENCHMARK(encode_generated_filled)->Name("encode/protobuf generated, filled before");
BENCHMARK(encode_reflection)->Name("encode/protobuf reflection");
BENCHMARK(copy_bytes)->Name("encode/memcpy of the struct");

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  verify();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
