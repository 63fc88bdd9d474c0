// SPDX-License-Identifier: MIT
// Packet filters in tcpdump's language (pcap-filter(7)), compiled by libpcap into the classic BPF that the
// guest's kernel runs.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "vmitap/control_abi.h"

namespace vmitap::pipeline {

struct PacketFilter {
  std::string text;  // as the user wrote it; empty: every packet
  std::vector<vmitap_filter_step> steps;
};

// Of frames with an Ethernet header. Errc::bad_filter with libpcap's own words, or if it needs
// more than the packet's bytes or a loop; Errc::too_large beyond VMITAP_FILTER_MAX steps. Names of hosts are
// looked up. Thread rule: one thread at a time, as libpcap's parser wants it.
Result<PacketFilter> compile_filter(const std::string& text);

}  // namespace vmitap::pipeline
