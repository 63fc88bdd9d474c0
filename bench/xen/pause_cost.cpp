// SPDX-License-Identifier: MIT
// What a guest stands still for while variables of it are read, in one run beside each other and in turns:
//   bare    xc_domain_pause and xc_domain_unpause, nothing between
//   ours    the way of a capture: rehearsed, then pause, copies, unpause
//   naive   all in the pause: xc_translate_foreign_address, map, copy, unmap, for each variable
// The variables lie in a page each, of the kernel's read-only data (its BTF). Usage: see --help.
#include <cstdint>
// Before all others of Xen's headers: they lean on it.
extern "C" {
#include <xenctrl.h>
}

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <x86intrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "backend/xen/libxen.hpp"
#include "backend/xen/xen_guest.hpp"
#include "base/error_text.hpp"

namespace {

using namespace vmitap;
using namespace vmitap::backend;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBytes = 64;  // of each variable

struct Floor {
  std::size_t variables;
  double limit;             // of ours to bare; 0: none
  std::size_t naive_every;  // rounds: at 256 variables it takes a second
};
constexpr Floor kFloors[] = {{1, 0, 4}, {16, 1.08, 20}, {256, 1.40, 100}};

// The processor's own counter: dom0's CLOCK_MONOTONIC stands still for a while wherever Xen's time on one CPU
// is behind what another has shown before, and whole series then take 0 µs.
std::uint64_t ticks() {
  _mm_lfence();
  const std::uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}

double quantile(std::vector<double> values, double part) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

struct Series {
  std::vector<double> window, whole;  // µs: from before the pause to after the unpause; with all around it
};

// A guest with addresses to read, and the three ways.
class Subject {
 public:
  Subject(std::unique_ptr<Guest> guest, std::vector<GuestVirt> addresses, xc_interface* control,
          xenforeignmemory_handle* memory, double ticks_per_us)
      : ticks_per_us_(ticks_per_us),
        guest_(std::move(guest)),
        addresses_(std::move(addresses)),
        control_(control),
        memory_(memory),
        bytes_(addresses_.size() * kBytes) {}

  // After the same rehearsal as ours, so that processor and domain are in the same state.
  bool bare(std::size_t variables, Series& series) {
    auto requests = wanted(variables);
    guest_->rehearse();
    guest_->read(requests);
    return alone(series);
  }

  // One right after another, as in no capture: the processor has nothing else in its caches.
  bool alone(Series& series) const {
    const auto begin = ticks();
    const bool done = xc_domain_pause(control_, domain()) == 0 && xc_domain_unpause(control_, domain()) == 0;
    const auto end = ticks();
    return add(series, {begin, begin, end, end}) && done;
  }

  bool ours(std::size_t variables, Series& series) {
    auto requests = wanted(variables);
    const auto begin = ticks();
    guest_->rehearse();
    guest_->read(requests);
    const auto window = ticks();
    auto paused = PauseGuard::pause(*guest_);
    if (!paused) return false;
    guest_->read(requests);
    paused->unpause();
    const auto end = ticks();
    const bool still = guest_->stood_still();
    return add(series, {begin, window, end, ticks()}) && still &&
           std::ranges::all_of(requests, [](const auto& one) { return one.status == ReadStatus::ok; });
  }

  bool naive(std::size_t variables, Series& series) {
    auto requests = wanted(variables);
    bool done = true;
    const auto begin = ticks();
    if (xc_domain_pause(control_, domain()) != 0) return false;
    for (const ReadRequest& request : requests) {
      const xen_pfn_t frame = xc_translate_foreign_address(control_, domain(), 0, request.from.value);
      void* const page =
          frame == 0 ? nullptr : xenforeignmemory_map(memory_, domain(), PROT_READ, 1, &frame, nullptr);
      done &= page != nullptr;
      if (page == nullptr) continue;
      std::copy_n(static_cast<const std::byte*>(page) + request.from.value % kPage, kBytes,
                  request.into.begin());
      xenforeignmemory_unmap(memory_, page, 1);
    }
    done &= xc_domain_unpause(control_, domain()) == 0;
    const auto end = ticks();
    return add(series, {begin, begin, end, end}) && done;
  }

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  [[nodiscard]] std::uint32_t domain() const { return static_cast<std::uint32_t>(guest_->identity().id); }

  struct Times {
    std::uint64_t begin, pause, unpaused, end;
  };

  // False: the counter went back or stood still.
  bool add(Series& series, const Times& at) const {
    series.window.push_back(static_cast<double>(at.unpaused - at.pause) / ticks_per_us_);
    series.whole.push_back(static_cast<double>(at.end - at.begin) / ticks_per_us_);
    return at.begin <= at.pause && at.pause < at.unpaused && at.unpaused <= at.end;
  }

  std::vector<ReadRequest> wanted(std::size_t variables) {
    std::vector<ReadRequest> requests;
    for (std::size_t i = 0; i < variables; ++i)
      requests.push_back({.from = addresses_[i], .into = std::span(bytes_).subspan(i * kBytes, kBytes)});
    return requests;
  }

  double ticks_per_us_;
  std::unique_ptr<Guest> guest_;
  std::vector<GuestVirt> addresses_;
  xc_interface* control_;
  xenforeignmemory_handle* memory_;
  std::vector<std::byte> bytes_;
};

int give_up(const std::string& what) {
  fmt::print(stderr, "xen_pause_cost: {}\n", what);
  return 2;
}

nlohmann::json figures(const Series& series) {
  return {{"window_us", quantile(series.window, 0.5)},
          {"window_us_quartiles", {quantile(series.window, 0.25), quantile(series.window, 0.75)}},
          {"whole_us", quantile(series.whole, 0.5)},
          {"rounds", series.window.size()}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What a Xen guest stands still for while variables of it are read: in dom0, as root.");
  std::string name;
  std::string file;
  std::size_t rounds = 400;
  app.add_option("GUEST", name, "a domain with vmitap.ko")->required();
  app.add_option("--rounds", rounds, "of bare and ours; naive takes part in some of them")
      ->check(CLI::Range(100, 100000));
  app.add_option("--json", file, "where the figures go");
  CLI11_PARSE(app, argc, argv);

  auto opened = xen::XenGuest::open(name);
  if (!opened) return give_up(describe(opened.error()));
  auto& guest = **opened;
  const auto catalog = guest.list();
  if (!catalog) return give_up(describe(catalog.error()));
  if (const auto attached = guest.attach(); !attached) return give_up(describe(attached.error()));
  constexpr std::size_t kMost = std::rbegin(kFloors)->variables;
  if (!catalog->kernel || catalog->kernel->btf_size < (kMost + 1) * kPage)
    return give_up("the guest's kernel has no BTF to read");
  std::vector<GuestVirt> addresses;
  for (std::size_t i = 0; i < kMost; ++i)
    addresses.push_back(GuestVirt{(catalog->kernel->btf.value / kPage + 1 + i) * kPage + i % 60 * kBytes});

  xc_interface* const control = xc_interface_open(xen::quiet(), xen::quiet(), 0);
  xenforeignmemory_handle* const memory = xenforeignmemory_open(xen::quiet(), 0);
  if (control == nullptr || memory == nullptr) return give_up("Xen's libraries give no access");
  xc_physinfo_t machine{};
  if (xc_physinfo(control, &machine) != 0 || machine.cpu_khz == 0)
    return give_up("Xen does not tell how fast its processors count");
  Subject subject(std::move(*opened), std::move(addresses), control, memory, machine.cpu_khz / 1000.0);

  nlohmann::json all = {{"guest", name}, {"variables", nlohmann::json::array()}};
  bool held = true;
  fmt::print("{:>9}  {:>9}  {:>9}  {:>9}  {:>7}  {:>7}  {:>11}  {:>7}\n", "variables", "alone, µs",
             "bare, µs", "ours, µs", "ratio", "at most", "naive, µs", "ratio");
  for (const Floor& floor : kFloors) {
    Series bare, alone, ours, naive, warm;
    bool worked = subject.ours(floor.variables, warm) && subject.naive(floor.variables, naive);
    const std::vector<std::byte> by_naive = subject.bytes();
    std::vector<double> ratios;
    for (std::size_t round = 0; worked && round < rounds; ++round) {
      // In turns, and each of the two first as often as the other.
      if (round % 2 == 0)
        worked = subject.bare(floor.variables, bare) && subject.ours(floor.variables, ours);
      else
        worked = subject.ours(floor.variables, ours) && subject.bare(floor.variables, bare);
      if (round % 4 == 0) worked = worked && subject.alone(warm) && subject.alone(alone);
      if (round % floor.naive_every == floor.naive_every / 2)
        worked = worked && subject.naive(floor.variables, naive);
      if (worked) ratios.push_back(ours.window.back() / bare.window.back());
    }
    if (!worked) return give_up(fmt::format("reading {} variables of {} failed", floor.variables, name));
    if (subject.bytes() != by_naive) return give_up("ours and the naive way read different bytes");
    const double bare_us = quantile(bare.window, 0.5);
    const double ratio = quantile(ours.window, 0.5) / bare_us;
    const double naive_ratio = quantile(naive.window, 0.5) / bare_us;
    const bool within = floor.limit == 0 || ratio <= floor.limit;
    held &= within;
    fmt::print("{:>9}  {:>9.1f}  {:>9.1f}  {:>9.1f}  {:>7.3f}  {:>7}  {:>11.1f}  {:>7.1f}{}\n",
               floor.variables, quantile(alone.window, 0.5), bare_us, quantile(ours.window, 0.5), ratio,
               floor.limit == 0 ? "" : fmt::format("{:.2f}", floor.limit), quantile(naive.window, 0.5),
               naive_ratio, within ? "" : "  MISSED");
    nlohmann::json one = {{"count", floor.variables},
                          {"bare_alone", figures(alone)},
                          {"bare", figures(bare)},
                          {"ours", figures(ours)},
                          {"naive", figures(naive)},
                          {"ours_to_bare", ratio},
                          {"naive_to_bare", naive_ratio},
                          {"ours_to_bare_quartiles", {quantile(ratios, 0.25), quantile(ratios, 0.75)}},
                          {"held", within}};
    if (floor.limit != 0) one["limit"] = floor.limit;
    all["variables"].push_back(one);
  }
  if (!file.empty() && !(std::ofstream(file) << all.dump(2) << '\n'))
    return give_up(file + " cannot be written");
  return held ? 0 : 1;
}
