// SPDX-License-Identifier: MIT
#include "pipeline/packet_filter.hpp"

#include <pcap/pcap.h>

#include <memory>
#include <span>

namespace vmitap::pipeline {
namespace {

constexpr int kWholePacket = 262'144;  // what an accepting filter returns: tcpdump's own "all of it"

struct ClosePcap {
  void operator()(pcap_t* pcap) const { ::pcap_close(pcap); }
};

struct Program {
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { ::pcap_freecode(&code); }

  bpf_program code{};
};

}  // namespace

Result<PacketFilter> compile_filter(const std::string& text) {
  const std::unique_ptr<pcap_t, ClosePcap> pcap(::pcap_open_dead(DLT_EN10MB, kWholePacket));
  if (!pcap) return fail({.code = Errc::system, .operation = "pcap_open_dead", .subject = "", .sys = ENOMEM});
  Program program;
  if (::pcap_compile(pcap.get(), &program.code, text.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    return fail({.code = Errc::bad_filter, .subject = text, .hint = ::pcap_geterr(pcap.get())});
  if (program.code.bf_len > VMITAP_FILTER_MAX)
    return fail({.code = Errc::too_large,
                 .operation = "compile filter",
                 .subject = "the number of steps of the filter " + text,
                 .number = VMITAP_FILTER_MAX,
                 .hint = "name networks (net 10.0.0.0/8) or ranges of ports (portrange 1-1023) instead of "
                         "many hosts and ports"});
  PacketFilter filter{.text = text, .steps = {}};
  for (const bpf_insn& step : std::span(program.code.bf_insns, program.code.bf_len))
    filter.steps.push_back(
        {.code = step.code, .jump_true = step.jt, .jump_false = step.jf, .operand = step.k});
  return filter;
}

}  // namespace vmitap::pipeline
