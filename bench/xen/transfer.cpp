// SPDX-License-Identifier: MIT
// Slices of load for a guest with `sink` in it, from dom0: so many bytes over TCP, waited for. A line a
// slice:
//   wall_ns   from connecting to the guest's word that all is there
//   guest_ns  what the guest's vCPUs ran for it: until it is idle again, so that no work is put off to where
//   none looks packets   what the backend handed to the guest meanwhile
// Usage: see --help.
#include <cstdint>
// Before all others of Xen's headers: they lean on it.
extern "C" {
#include <xenctrl.h>
}

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <x86intrin.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "backend/xen/libxen.hpp"

namespace {

constexpr unsigned kLookEvery = 20'000;     // µs
constexpr std::uint64_t kIdle = 1'000'000;  // ns of them that an idle guest may run
constexpr unsigned kLooksAtMost = 60 * 1000000 / kLookEvery;

[[noreturn]] void give_up(const std::string& what) {
  fmt::print(stderr, "xen_transfer: {}\n", what);
  std::exit(2);
}

class Domain {
 public:
  explicit Domain(std::uint32_t id)
      : id_(id),
        control_(xc_interface_open(vmitap::backend::xen::quiet(), vmitap::backend::xen::quiet(), 0)),
        counter_(fmt::format("/sys/class/net/vif{}.0/statistics/tx_packets", id)) {
    xc_physinfo_t machine{};
    if (control_ == nullptr || xc_physinfo(control_, &machine) != 0 || machine.cpu_khz == 0)
      give_up("Xen does not tell how fast its processors count");
    khz_ = machine.cpu_khz;
  }

  [[nodiscard]] std::uint64_t ran() const {
    xc_dominfo_t info{};
    if (xc_domain_getinfo(control_, id_, 1, &info) != 1 || info.domid != id_)
      give_up(fmt::format("there is no domain {}", id_));
    return info.cpu_time;
  }

  // What it had run when it became idle.
  [[nodiscard]] std::uint64_t ran_until_idle() const {
    std::uint64_t before = ran();
    for (unsigned look = 0; look < kLooksAtMost; ++look) {
      usleep(kLookEvery);
      const std::uint64_t now = ran();
      if (now - before < kIdle) return now;
      before = now;
    }
    give_up("the guest never rests");
  }

  [[nodiscard]] std::uint64_t packets() const {
    std::uint64_t count = 0;
    if (!(std::ifstream(counter_) >> count)) give_up("cannot read " + counter_);
    return count;
  }

  // By the processor's own counter, as in pause_cost.cpp.
  [[nodiscard]] std::uint64_t now() const {
    _mm_lfence();
    const std::uint64_t ticks = __rdtsc();
    _mm_lfence();
    return static_cast<std::uint64_t>(static_cast<double>(ticks) * 1e6 / khz_);
  }

 private:
  std::uint32_t id_;
  xc_interface* control_;
  std::string counter_;
  double khz_ = 0;
};

void transfer(const sockaddr_in& to, std::size_t bytes) {
  static const std::vector<char> content(std::size_t{1} << 16);
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connection < 0 || connect(connection, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0)
    give_up("the guest does not answer");
  while (bytes > 0) {
    const ssize_t sent = send(connection, content.data(), std::min(bytes, content.size()), MSG_NOSIGNAL);
    if (sent <= 0) give_up("the transfer broke off");
    bytes -= static_cast<std::size_t>(sent);
  }
  char end = 0;
  if (shutdown(connection, SHUT_WR) != 0 || read(connection, &end, 1) != 1)
    give_up("the guest did not take all of it");
  close(connection);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Slices of load for a guest: bytes over TCP, waited for. In dom0, as root.");
  std::uint32_t domain = 0;
  std::string address;
  std::string label;
  std::uint16_t port = 5001;
  std::size_t bytes = 0;
  std::size_t slices = 1;
  std::size_t warm_up = 0;
  app.add_option("DOMID", domain)->required();
  app.add_option("ADDRESS", address, "of the guest")->required();
  app.add_option("--port", port, "of its sink");
  app.add_option("--bytes", bytes, "of each slice")->required();
  app.add_option("--slices", slices);
  app.add_option("--warm-up", warm_up, "bytes before the first slice, not measured");
  app.add_option("--label", label, "what each line begins with");
  CLI11_PARSE(app, argc, argv);

  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) give_up(address + " is no address");
  const Domain guest(domain);
  if (warm_up > 0) transfer(to, warm_up);
  std::uint64_t ran = guest.ran_until_idle();
  for (std::size_t slice = 0; slice < slices; ++slice) {
    const std::uint64_t packets = guest.packets();
    const std::uint64_t begin = guest.now();
    transfer(to, bytes);
    const std::uint64_t end = guest.now();
    const std::uint64_t ran_by_now = guest.ran_until_idle();
    fmt::print("{} {} {} {}\n", label, end - begin, ran_by_now - ran, guest.packets() - packets);
    ran = ran_by_now;
  }
  return 0;
}
