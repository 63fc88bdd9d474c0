// SPDX-License-Identifier: MIT
// A capture of packets as pcapng, which Wireshark and tshark open: each packet's bytes as far as they were
// captured, and what was read at it as its comment. An interface for each device, direction and rule; a
// guest's own addresses (guest_addresses.hpp) resolve to its name, which stands at the end, as all packets
// have a say in whose they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sink/reader.hpp"

namespace vmitap::sink {

struct PcapngOutcome {
  ReadOutcome read;
  std::uint64_t packets = 0;
  std::uint64_t others = 0;  // records without a packet's bytes: they are not in the file
  std::uint64_t lost = 0;    // by the capture, as its losses say
  // Rules whose packets passed the same device of the same guest: one may stand in the file once for each.
  std::vector<std::string> overlapping;
  std::uint64_t of_others = 0;  // packets that are of the interfaces "others", as there were kInterfacesMax
};

// By guest, device, direction and rule. A guest that tells another device of each packet gets no more; one of
// others is added for each direction.
inline constexpr std::size_t kInterfacesMax = 4096;

// No file is made if there are no packets. They are those of records with an argument "packet"
// (vmitap/packet_abi.h) and its first bytes, which `--snap` adds; of this rule only if it is not empty.
// Errc::unknown_name for a rule that the capture does not have; Errc::bad_file; what OutputStream says.
Result<PcapngOutcome> write_pcapng(const std::string& path, const std::string& rule,
                                   const std::string& output);

}  // namespace vmitap::sink
