// SPDX-License-Identifier: MIT
// Which connection a record is of, as its argument "packet" tells (packet_json.hpp).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace vmitap::sink {

// "tcp 10.77.1.2:43690 <-> 10.77.1.1:5001", "udp [fe80::1]:546 <-> [ff02::1:2]:547": the guest's end first,
// so that both directions have one name. Of the JSON of a packet; empty if it has no ports, or is no packet.
std::string connection_text(const nlohmann::ordered_json& packet);

}  // namespace vmitap::sink
