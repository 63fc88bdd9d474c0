// SPDX-License-Identifier: MIT
#include "pipeline/packet_filter.hpp"

#include <pcap/pcap.h>

#include <memory>
#include <span>
#include <string>

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

// What libpcap compiles for machines that are not the guest's kernel with a packet of the hook, in words;
// null if there is nothing of that.
const char* beyond_the_guest(std::span<const bpf_insn> steps) {
  for (const bpf_insn& step : steps) {
    // Only jumps without a condition can lead back.
    if (step.code == (BPF_JMP | BPF_JA) && step.k >= steps.size())
      return "it needs a loop (protochain does), which the guest's kernel does not take";
    // From here on Linux counts what it knows of a packet beside its bytes; what it knows differs between
    // the hook's place and that where tcpdump listens.
    constexpr bpf_u_int32 kBeside = 0xfffff000;
    if (BPF_CLASS(step.code) == BPF_LD && BPF_MODE(step.code) == BPF_ABS && step.k >= kBeside)
      return "it asks for what does not stand in the packet's bytes; packets that come are packet.rx "
             "(inbound), those that go packet.tx (outbound)";
  }
  return nullptr;
}

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
                 .subject = "the filter, which compiles to " + std::to_string(program.code.bf_len) + " steps",
                 .number = VMITAP_FILTER_MAX,
                 .hint = "name networks (net 10.0.0.0/8) or ranges of ports (portrange 1-1023) instead of "
                         "many hosts and ports"});
  const std::span steps(program.code.bf_insns, program.code.bf_len);
  if (const char* why = beyond_the_guest(steps); why != nullptr)
    return fail({.code = Errc::bad_filter, .subject = text, .hint = why});
  PacketFilter filter{.text = text, .steps = {}};
  for (const bpf_insn& step : steps)
    filter.steps.push_back(
        {.code = step.code, .jump_true = step.jt, .jump_false = step.jf, .operand = step.k});
  return filter;
}

}  // namespace vmitap::pipeline
