// SPDX-License-Identifier: MIT
// Writes a pcapng file (draft-ietf-opsawg-pcapng), strictly front to back: one section, Ethernet, times in
// ns. Knows nothing of vmitap. One thread. Errors are those of OutputStream, and like it stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "sink/bytes.hpp"
#include "sink/output_stream.hpp"

namespace vmitap::sink::pcapng {

enum class Direction : std::uint32_t { unknown = 0, inbound = 1, outbound = 2 };

struct Packet {
  std::uint32_t interface = 0;
  std::uint64_t time_ns = 0;         // since 1970
  std::span<const std::byte> bytes;  // what was captured of it, from its Ethernet header on
  std::uint32_t length = 0;          // on the wire; at least bytes.size()
  Direction direction = Direction::unknown;
  std::uint32_t queue = 0;
  std::uint64_t dropped_before = 0;  // on this interface, since its packet before
  std::string_view comment;          // UTF-8; a tool shows it beside the packet
};

struct Statistics {
  std::uint32_t interface = 0;
  std::uint64_t time_ns = 0;             // since 1970: until when
  std::optional<std::uint64_t> dropped;  // on this interface, since the beginning
  std::string_view comment;
};

class Writer {
 public:
  static Result<Writer> start(OutputStream stream, std::string_view application);

  // Returns its number. snap_length 0: no limit.
  Result<std::uint32_t> add_interface(std::string_view name, std::string_view description,
                                      std::uint32_t snap_length);
  Result<void> packet(const Packet& packet);
  Result<void> statistics(const Statistics& statistics);
  // 4 or 16 bytes, as on the wire. Not to an empty name.
  Result<void> resolve(std::span<const std::byte> address, std::string_view name);
  Result<void> finish();

 private:
  explicit Writer(OutputStream stream) : stream_(std::move(stream)) {}
  void time(std::uint64_t time_ns);
  void option(std::uint16_t code, std::string_view value);
  template <class Int>
  void option_number(std::uint16_t code, Int value) {
    option(code, {reinterpret_cast<const char*>(&value), sizeof value});
  }
  void pad();
  Result<void> put(std::uint32_t type);  // body_ as a block

  OutputStream stream_;
  ByteWriter body_;
  ByteWriter block_;
  std::uint32_t interfaces_ = 0;
};

}  // namespace vmitap::sink::pcapng
