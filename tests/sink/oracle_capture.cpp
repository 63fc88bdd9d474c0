// SPDX-License-Identifier: MIT
// Usage: sink_oracle_capture FILE.mcap LOG.jsonl
// Writes a capture of random values, and what they are to a log of its own, which the sink has no part in:
// one JSON line a message in the layout of mcap_oracle/read.mjs.
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "sample.hpp"
#include "sink/open_sink.hpp"

namespace {

using Json = nlohmann::ordered_json;
using namespace vmitap;

std::mt19937_64 random_bits(20261123);

template <class Int>
Int any() {
  // Small and extreme values are as likely as others.
  const auto bits = random_bits();
  switch (random_bits() % 4) {
    case 0:
      return std::numeric_limits<Int>::max();
    case 1:
      return std::numeric_limits<Int>::min();
    case 2:
      return static_cast<Int>(bits % 200);
    default:
      return static_cast<Int>(bits);
  }
}

struct Made {
  std::string text;  // protobuf's text format
  Json json;
};

Made segment(std::uint32_t sequence, std::uint64_t time_ns) {
  const auto pcb = any<std::uint64_t>();
  const auto seg_len = any<std::uint32_t>();
  const char* const state = std::array{"CLOSED", "LISTEN", "ESTABLISHED", "LAST_ACK"}[random_bits() % 4];
  const auto cwnd = any<std::uint32_t>();
  const std::array<std::int32_t, 3> point{any<std::int32_t>(), any<std::int32_t>(), any<std::int32_t>()};
  const auto u64 = any<std::uint64_t>();
  const auto i64 = any<std::int64_t>();
  const double d = std::uniform_real_distribution<double>(-1e9, 1e9)(random_bits);
  const float f = std::uniform_real_distribution<float>(-1, 1)(random_bits);
  const bool flag = random_bits() % 2 == 0;

  Made made;
  made.text = fmt::format(
      R"(facts {{ trigger: "tcp_segment" sequence: {0} time_ns: {1} thread: 7 mode: SYNC }}
         args {{ pcb: {2} seg_len: {3} }}
         values {{ pcb_state: {4} conn {{ cwnd: {5} points {{ x: {6} y: {7} }} points {{ x: {8} y: 0 }} }}
                   table: [{6}, {7}, {8}] m {{ row: [{6}] }} m {{ row: [{7}] }}
                   u64: {9} i64: {10} d: {11} f: {12} flag: {13} text: "t{0} \303\274" raw: "\000\377" }})",
      sequence, time_ns, pcb, seg_len, state, cwnd, point[0], point[1], point[2], u64, i64, d, f, flag);
  const auto text = [](auto value) { return fmt::format("{}", value); };
  made.json = {
      {"facts",
       {{"trigger", "tcp_segment"},
        {"sequence", text(sequence)},
        {"timeNs", text(time_ns)},
        {"thread", 7},
        {"mode", "SYNC"}}},
      {"args", {{"pcb", text(pcb)}, {"seg->len", seg_len}}},
      {"values",
       {{"pcb->state", state},
        {"conn",
         {{"cwnd", cwnd}, {"points", {{{"x", point[0]}, {"y", point[1]}}, {{"x", point[2]}, {"y", 0}}}}}},
        {"table", point},
        {"m", {{{"row", Json::array({point[0]})}}, {{"row", Json::array({point[1]})}}}},
        {"u64", text(u64)},
        {"i64", text(i64)},
        {"f", f},
        {"d", d},
        {"flag", flag},
        {"text", fmt::format("t{} \303\274", sequence)},
        {"raw", "00ff"}}}};
  if (sequence == 0) made.json["facts"].erase("sequence");  // proto3 does not write what is zero
  return made;
}

int run(const std::string& path, const std::string& log_path) {
  std::ofstream log(log_path);
  auto sink = sink::open_sink(path, sink::Format::mcap);
  if (!sink) return 1;
  const Channel segments = sink::test::segments();
  bool good = (*sink)->session(sink::test::session()) && (*sink)->catalog(sink::test::catalog()) &&
              (*sink)->channel(segments);
  const auto note = [&](const char* topic, std::uint32_t sequence, std::uint64_t time_ns,
                        const Json& message) {
    log << Json{{"topic", topic},
                {"sequence", sequence},
                {"log_time", std::to_string(time_ns)},
                {"message", message}}
        << '\n';
  };
  std::uint32_t losses = 0;
  for (std::uint32_t i = 0; i < 12'000 && good; ++i) {
    // Threads' records come a little out of order.
    const std::uint64_t time_ns = sink::test::kStart + i * 1000 - random_bits() % 5000;
    const Made made = segment(i, time_ns);
    const std::string message = sink::test::encode(segments, made.text);
    good = (*sink)->record(7, time_ns, std::as_bytes(std::span(message))).has_value();
    note("segments", i, time_ns, made.json);
    if (good && i % 1000 == 0) {
      Loss loss;
      loss.set_reason(Loss::NO_RING);
      loss.set_count(i + 1);
      loss.set_time_ns(time_ns);
      good = (*sink)->loss(loss) && (i % 3000 != 0 || (*sink)->flush());
      note("vmitap.loss", losses++, time_ns,
           {{"reason", "NO_RING"}, {"count", std::to_string(i + 1)}, {"timeNs", std::to_string(time_ns)}});
    }
  }
  return good && (*sink)->close(sink::test::summary()) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return argc == 3 ? run(argv[1], argv[2]) : 2; }
