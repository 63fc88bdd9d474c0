// SPDX-License-Identifier: MIT
#include "sink/pcapng_writer.hpp"

#include <algorithm>
#include <utility>

namespace vmitap::sink::pcapng {
namespace {

constexpr std::uint32_t kSection = 0x0a0d0d0a;
constexpr std::uint32_t kInterface = 1;
constexpr std::uint32_t kNames = 4;
constexpr std::uint32_t kStatistics = 5;
constexpr std::uint32_t kPacket = 6;

constexpr std::uint32_t kByteOrder = 0x1a2b3c4d;
constexpr std::uint16_t kEthernet = 1;
constexpr std::uint8_t kNanoseconds = 9;  // if_tsresol: 10^-9 s

// Options of several blocks; their numbers overlap.
constexpr std::uint16_t kEnd = 0;
constexpr std::uint16_t kComment = 1;
constexpr std::uint16_t kUserApplication = 4;
constexpr std::uint16_t kInterfaceName = 2;
constexpr std::uint16_t kInterfaceDescription = 3;
constexpr std::uint16_t kTimeResolution = 9;
constexpr std::uint16_t kInterfaceDropped = 5;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint16_t kPacketDropCount = 4;
constexpr std::uint16_t kPacketQueue = 6;
constexpr std::uint16_t kNameOfIpv4 = 1;
constexpr std::uint16_t kNameOfIpv6 = 2;

constexpr std::size_t kOptionMax = 65535;
constexpr std::size_t kNameMax = 255;  // as that of a host

// At most so many bytes, and no half character.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t size = most;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

Result<Writer> Writer::start(OutputStream stream, std::string_view application) {
  Writer writer(std::move(stream));
  writer.body_.number(kByteOrder);
  writer.body_.number(std::uint16_t{1});
  writer.body_.number(std::uint16_t{0});
  writer.body_.number(std::int64_t{-1});  // the section's length: not known yet
  writer.option(kUserApplication, application);
  writer.option(kEnd, {});
  if (auto put = writer.put(kSection); !put) return fail(std::move(put.error()));
  return writer;
}

Result<std::uint32_t> Writer::add_interface(std::string_view name, std::string_view description,
                                            std::uint32_t snap_length) {
  body_.number(kEthernet);
  body_.number(std::uint16_t{0});
  body_.number(snap_length);
  option(kInterfaceName, name);
  option(kInterfaceDescription, description);
  option_number(kTimeResolution, kNanoseconds);
  option(kEnd, {});
  if (auto done = put(kInterface); !done) return fail(std::move(done.error()));
  return interfaces_++;
}

Result<void> Writer::packet(const Packet& packet) {
  body_.number(packet.interface);
  time(packet.time_ns);
  body_.number(static_cast<std::uint32_t>(packet.bytes.size()));
  body_.number(std::max(packet.length, static_cast<std::uint32_t>(packet.bytes.size())));
  body_.raw(packet.bytes);
  pad();
  if (!packet.comment.empty()) option(kComment, packet.comment);
  option_number(kPacketFlags, static_cast<std::uint32_t>(packet.direction));
  if (packet.dropped_before != 0) option_number(kPacketDropCount, packet.dropped_before);
  option_number(kPacketQueue, packet.queue);
  option(kEnd, {});
  return put(kPacket);
}

Result<void> Writer::statistics(const Statistics& statistics) {
  body_.number(statistics.interface);
  time(statistics.time_ns);
  if (!statistics.comment.empty()) option(kComment, statistics.comment);
  if (statistics.dropped) option_number(kInterfaceDropped, *statistics.dropped);
  option(kEnd, {});
  return put(kStatistics);
}

Result<void> Writer::resolve(std::span<const std::byte> address, std::string_view name) {
  if (name.empty()) return {};
  name = cut(name, kNameMax);
  body_.number(address.size() == 4 ? kNameOfIpv4 : kNameOfIpv6);
  body_.number(static_cast<std::uint16_t>(address.size() + name.size() + 1));
  body_.raw(address);
  body_.raw(name);
  body_.number(std::uint8_t{0});
  pad();
  body_.number(std::uint32_t{0});  // the last record
  return put(kNames);
}

Result<void> Writer::finish() { return stream_.close(); }

void Writer::time(std::uint64_t time_ns) {
  body_.number(static_cast<std::uint32_t>(time_ns >> 32));
  body_.number(static_cast<std::uint32_t>(time_ns));
}

void Writer::option(std::uint16_t code, std::string_view value) {
  value = cut(value, kOptionMax);
  body_.number(code);
  body_.number(static_cast<std::uint16_t>(value.size()));
  body_.raw(value);
  pad();
}

void Writer::pad() {
  while (body_.size() % 4 != 0) body_.number(std::uint8_t{0});
}

Result<void> Writer::put(std::uint32_t type) {
  const auto length = static_cast<std::uint32_t>(body_.size() + 12);
  block_.clear();
  block_.number(type);
  block_.number(length);
  block_.raw(body_.bytes());
  block_.number(length);
  body_.clear();
  return stream_.write(block_.bytes());
}

}  // namespace vmitap::sink::pcapng
