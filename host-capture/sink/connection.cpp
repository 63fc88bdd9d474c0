// SPDX-License-Identifier: MIT
#include "sink/connection.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "sink/hex.hpp"
#include "sink/packet_json.hpp"

namespace vmitap::sink {
namespace {

using Json = nlohmann::ordered_json;

const char* protocol_name(std::uint64_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_UDPLITE:
      return "udplite";
    case IPPROTO_SCTP:
      return "sctp";
    case IPPROTO_DCCP:
      return "dccp";
  }
  return nullptr;
}

// Empty if the text is no address of sixteen bytes.
std::string end(const std::string& address, std::uint64_t version, std::uint64_t port) {
  const auto bytes = bytes_in(address);
  if (bytes.size() != sizeof(in6_addr)) return {};
  std::array<char, INET6_ADDRSTRLEN> shown{};
  if (::inet_ntop(version == 4 ? AF_INET : AF_INET6, bytes.data(), shown.data(), shown.size()) == nullptr)
    return {};
  return version == 4 ? fmt::format("{}:{}", shown.data(), port) : fmt::format("[{}]:{}", shown.data(), port);
}

}  // namespace

std::string connection_text(const Json& packet) {
  const char* const protocol = protocol_name(number_of(member(packet, "ip_protocol")));
  const std::uint64_t version = number_of(member(packet, "ip_version"));
  const std::uint64_t source_port = number_of(member(packet, "source_port"));
  const std::uint64_t destination_port = number_of(member(packet, "destination_port"));
  if (protocol == nullptr || (version != 4 && version != 6) || (source_port == 0 && destination_port == 0))
    return {};
  const std::string source = end(text_of(member(packet, "source")), version, source_port);
  const std::string destination = end(text_of(member(packet, "destination")), version, destination_port);
  if (source.empty() || destination.empty()) return {};
  const bool is_sent = text_of(member(packet, "direction")) == "PACKET_SENT";
  return fmt::format("{} {} <-> {}", protocol, is_sent ? source : destination,
                     is_sent ? destination : source);
}

}  // namespace vmitap::sink
