// SPDX-License-Identifier: MIT
// A whole capture: a guest process of its own, the real pipeline, an MCAP file. Measured from the command to
// the guest until the file is closed. The peers are what a program does without vmitap: it hands the same
// struct out through a pipe, and a reader writes it to a file as it is.
//
// A guest that fires as fast as it can fills its ring and loses records; a pipe makes its writer wait. So
// that both do the same work, the guest fires only as far ahead as its ring reaches (`window`), but for
// "storm", where what is lost is the point.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "backend/guest.hpp"
#include "base/error_text.hpp"
#include "end_to_end_process.hpp"
#include "peer.pb.h"
#include "pipeline/capture.hpp"
#include "sink/open_sink.hpp"
#include "sink/reader.hpp"
#include "subject.h"

namespace {

using bench::fail;
using bench::GuestProcess;
using vmitap::Mode;
using vmitap::Result;
using Clock = std::chrono::steady_clock;

GuestProcess& guest() {
  static GuestProcess only;
  return only;
}

template <class T>
T take(Result<T> result) {
  if (!result) fail(vmitap::describe(result.error()));
  return *std::move(result);
}

// Passes everything on, and tells a guest that waits for it what has arrived.
class CreditingSink final : public vmitap::pipeline::Sink {
 public:
  CreditingSink(std::unique_ptr<Sink> sink, bool guest_waits)
      : sink_(std::move(sink)), guest_waits_(guest_waits) {}

  Result<void> session(const vmitap::Session& session) override { return sink_->session(session); }
  Result<void> catalog(const vmitap::Catalog& catalog) override { return sink_->catalog(catalog); }
  Result<void> channel(const vmitap::Channel& channel) override { return sink_->channel(channel); }
  Result<void> record(vmitap::pipeline::ChannelId channel, std::uint64_t time_ns,
                      std::span<const std::byte> message) override {
    arrived(1);
    return sink_->record(channel, time_ns, message);
  }
  Result<void> loss(const vmitap::Loss& loss) override {
    arrived(loss.count());
    return sink_->loss(loss);
  }
  Result<void> flush() override { return sink_->flush(); }
  Result<void> close(const vmitap::Summary& summary) override { return sink_->close(summary); }
  [[nodiscard]] std::uint64_t bytes_written() const override { return sink_->bytes_written(); }

 private:
  void arrived(std::uint64_t count) {
    uncredited_ += count;
    if (!guest_waits_ || uncredited_ < RECORDS_PER_CREDIT) return;
    guest().credit(uncredited_ / RECORDS_PER_CREDIT);
    uncredited_ %= RECORDS_PER_CREDIT;
  }

  std::unique_ptr<Sink> sink_;
  bool guest_waits_;
  std::uint64_t uncredited_ = 0;
};

// Wall and CPU time of what happens between two looks.
class Stopwatch {
 public:
  void stop(benchmark::State& state) {
    const auto wall = Clock::now() - wall_;
    host_ = bench::own_cpu_time() - host_;
    guest_ = guest().cpu_time() - guest_;
    state.SetIterationTime(std::chrono::duration<double>(wall).count());
  }
  void report(benchmark::State& state, std::uint64_t records, std::uint64_t bytes) const {
    const auto each = [&](auto total) { return static_cast<double>(total) / static_cast<double>(records); };
    state.SetItemsProcessed(static_cast<std::int64_t>(records));
    state.counters["records"] = static_cast<double>(records);
    state.counters["host_cpu_ns"] = each(host_.count());
    state.counters["guest_cpu_ns"] = each(guest_.count());
    state.counters["file_bytes"] = each(bytes);
  }

 private:
  Clock::time_point wall_ = Clock::now();
  std::chrono::nanoseconds host_ = bench::own_cpu_time();
  std::chrono::nanoseconds guest_ = guest().cpu_time();
};

double quantile(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

// What stands in the file: every record of the mode that was asked for, each with the state of its own step
// where the mode promises that, and none older than the one before where it does not.
void verify(benchmark::State& state, const std::string& path, Mode mode, std::uint64_t records) {
  const bool exact = mode == vmitap::INLINE || mode == vmitap::SYNC;
  std::vector<double> pause_us, skid_us;
  std::uint64_t read = 0, otherwise = 0, lost = 0, wrong = 0, last = 0;
  std::string first_wrong;
  const auto check = [&](const vmitap::sink::ReadRecord& given) {
    peer::Record record;
    vmitap::Facts facts;
    if (!record.ParseFromArray(given.message.data(), static_cast<int>(given.message.size())) ||
        !facts.ParseFromString(record.facts()))
      fail("a record that is no protobuf");
    ++read;
    if (read > 1) lost += facts.lost_before();  // before the first: another capture's
    if (facts.mode() != mode) ++otherwise;
    const std::uint64_t step = record.values().connection().segments_out();
    if (exact && facts.mode() == mode ? step != read + lost : step < last) {
      if (wrong++ == 0)
        first_wrong = vmitap::Mode_Name(mode) + " record " + std::to_string(read) + " holds step " +
                      std::to_string(step) + " after step " + std::to_string(last) + " and " +
                      std::to_string(lost) + " lost";
    }
    last = step;
    if (facts.has_pause_ns()) pause_us.push_back(static_cast<double>(facts.pause_ns()) / 1e3);
    if (facts.has_skid_ns()) skid_us.push_back(static_cast<double>(facts.skid_ns()) / 1e3);
    return true;
  };
  vmitap::sink::ReadHandlers handlers;
  handlers.record = check;
  const auto outcome = take(vmitap::sink::read_capture(path, handlers));
  if (!outcome.complete || read != records) fail("the file is not what was captured");
  if (wrong != 0) fail(std::to_string(wrong) + " wrong records: " + first_wrong);
  state.counters["other_mode"] = static_cast<double>(otherwise);
  if (!pause_us.empty()) {
    state.counters["pause_p50_us"] = quantile(pause_us, 0.50);
    state.counters["pause_p99_us"] = quantile(pause_us, 0.99);
  }
  if (!skid_us.empty()) {
    state.counters["skid_p50_us"] = quantile(skid_us, 0.50);
    state.counters["skid_p99_us"] = quantile(skid_us, 0.99);
  }
}

void capture(benchmark::State& state, Mode mode, std::uint64_t count, std::uint64_t window) {
  const bench::TemporaryFolder folder;
  const std::string path = folder / "bench.mcap";
  vmitap::pipeline::Options options;
  options.pause_budget = 1;  // so that PAUSED stays PAUSED
  options.rules.push_back({.name = {}, .on = "step", .read = {"connection"}, .mode = mode});
  for ([[maybe_unused]] auto _ : state) {
    std::vector<std::unique_ptr<vmitap::backend::Guest>> guests;
    guests.push_back(take(vmitap::backend::open_guest(guest().name())));
    auto file = take(vmitap::sink::open_sink(path, vmitap::sink::Format::mcap));
    auto sink = std::make_unique<CreditingSink>(std::move(file), window > 0);
    const auto running =
        take(vmitap::pipeline::Capture::prepare(std::move(guests), options, std::move(sink)));
    if (const auto begun = running->begin(); !begun) fail(vmitap::describe(begun.error()));
    Stopwatch watch;
    guest().begin({.way = FIRE, .count = count, .window = window});
    const std::uint64_t fired = guest().answer();
    running->stop("enough");
    const vmitap::Summary summary = take(running->wait());
    watch.stop(state);
    const auto last = running->statistics();
    if (last.records + last.lost != fired) fail("records went missing uncounted");
    watch.report(state, last.records, last.bytes_written);
    state.counters["lost"] = static_cast<double>(last.lost);
    state.counters["fired"] = static_cast<double>(fired);
    verify(state, path, mode, last.records);
  }
}

// The reader of the peers: what comes through the pipe goes to the file.
void pipe_to_file(benchmark::State& state, way how, std::uint64_t count) {
  const bench::TemporaryFolder folder;
  const std::string path = folder / "bench.raw";
  std::vector<std::byte> buffer(65536);
  for ([[maybe_unused]] auto _ : state) {
    vmitap::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) fail("cannot make " + path);
    Stopwatch watch;
    guest().begin({.way = static_cast<std::uint64_t>(how), .count = count, .window = 0});
    const std::uint64_t size = count * sizeof(connection);
    for (std::uint64_t left = size; left > 0;) {
      const ssize_t got = ::read(guest().data(), buffer.data(), std::min(left, std::uint64_t{buffer.size()}));
      if (got <= 0 || ::write(file.get(), buffer.data(), static_cast<std::size_t>(got)) != got)
        fail("the pipe does not get into the file");
      if (how == PIPE_ANSWER) guest().credit(1);
      left -= static_cast<std::uint64_t>(got);
    }
    if (guest().answer() != count) fail("the guest wrote something else");
    file.reset();
    watch.stop(state);
    watch.report(state, count, size);
  }
}

void add(const char* name, void (*run)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name, run)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);
}

// Windows: an INLINE record takes five slots of the ring's 1024, others one.
[[maybe_unused]] const bool kAdded = [] {
  add("end to end/INLINE", [](auto& state) { capture(state, vmitap::INLINE, 320'000, 192); });
  add("end to end/LIVE", [](auto& state) { capture(state, vmitap::LIVE, 320'000, 896); });
  add("end to end/PAUSED", [](auto& state) { capture(state, vmitap::PAUSED, 160'000, 896); });
  add("end to end/SYNC", [](auto& state) { capture(state, vmitap::SYNC, 16'000, 896); });
  add("end to end/INLINE storm", [](auto& state) { capture(state, vmitap::INLINE, 10'000'000, 0); });
  add("end to end/pipe", [](auto& state) { pipe_to_file(state, PIPE, 320'000); });
  add("end to end/pipe, a write each", [](auto& state) { pipe_to_file(state, PIPE_EACH, 160'000); });
  add("end to end/pipe, each answered", [](auto& state) { pipe_to_file(state, PIPE_ANSWER, 16'000); });
  return true;
}();

}  // namespace
