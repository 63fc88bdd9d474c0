// SPDX-License-Identifier: MIT
#include "backend/xen/vif_filter.hpp"

#include <linux/if_packet.h>
#include <pcap/pcap.h>

#include <cstddef>

#include "backend/xen/packet_socket.hpp"

namespace vmitap::backend::xen {
namespace {

static_assert(sizeof(vmitap_filter_step) == sizeof(bpf_insn));
static_assert(offsetof(vmitap_filter_step, operand) == offsetof(bpf_insn, k));

constexpr std::uint32_t ancillary(int what) { return static_cast<std::uint32_t>(SKF_AD_OFF + what); }

sock_filter statement(unsigned code, std::uint32_t operand) {
  return {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = operand};
}

sock_filter if_equal(std::uint32_t operand, std::uint8_t then, std::uint8_t otherwise) {
  return {.code = BPF_JMP | BPF_JEQ | BPF_K, .jt = then, .jf = otherwise, .k = operand};
}

bool accepts(const vmitap_filter_step& step) { return step.code == (BPF_RET | BPF_K) && step.operand != 0; }

std::vector<sock_filter> part(const DirectionFilter& filter) {
  if (!filter.wanted) return {statement(BPF_RET | BPF_K, 0)};
  if (filter.steps.empty()) return {statement(BPF_RET | BPF_K, filter.take)};
  std::vector<sock_filter> program{statement(BPF_LD | BPF_B | BPF_ABS, ancillary(SKF_AD_VLAN_TAG_PRESENT)),
                                   if_equal(0, 1, 0),
                                   statement(BPF_RET | BPF_K, static_cast<std::uint32_t>(kFrameMax))};
  for (const vmitap_filter_step& step : filter.steps)
    program.push_back({.code = step.code,
                       .jt = step.jump_true,
                       .jf = step.jump_false,
                       .k = accepts(step) ? filter.take : step.operand});
  return program;
}

}  // namespace

std::vector<sock_filter> make_program(const DirectionFilter& outgoing, const DirectionFilter& incoming) {
  const std::vector<sock_filter> in = part(incoming);
  const std::vector<sock_filter> out = part(outgoing);
  // Conditional jumps reach 255 steps only.
  std::vector<sock_filter> program{statement(BPF_LD | BPF_B | BPF_ABS, ancillary(SKF_AD_PKTTYPE)),
                                   if_equal(PACKET_OUTGOING, 0, 1),
                                   statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(in.size()))};
  program.insert(program.end(), in.begin(), in.end());
  program.insert(program.end(), out.begin(), out.end());
  return program;
}

bool passes_with_tag(std::span<const vmitap_filter_step> steps, std::span<const std::byte> frame,
                     std::uint32_t length) {
  if (steps.empty()) return true;
  return ::bpf_filter(reinterpret_cast<const bpf_insn*>(steps.data()),
                      reinterpret_cast<const unsigned char*>(frame.data()), length,
                      static_cast<unsigned>(frame.size())) != 0;
}

}  // namespace vmitap::backend::xen
