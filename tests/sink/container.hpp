// SPDX-License-Identifier: MIT
// MCAP records made by hand, right and wrong.
#pragma once

#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "sink/bytes.hpp"
#include "sink/mcap_format.hpp"

namespace vmitap::sink::test {

template <class Int>
std::string le(Int value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

inline std::string text(std::string_view value) {
  return le(static_cast<std::uint32_t>(value.size())).append(value);
}

inline std::uint32_t crc(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

inline std::string record(mcap::Opcode opcode, std::string_view content) {
  return le(static_cast<std::uint8_t>(opcode)).append(le(std::uint64_t{content.size()})).append(content);
}

inline std::string header() {
  return std::string(mcap::kMagic) + record(mcap::Opcode::header, text("") + text("test"));
}

inline std::string schema(std::uint16_t id, std::string_view name, std::string_view data,
                          std::string_view encoding = "protobuf") {
  return record(mcap::Opcode::schema, le(id) + text(name) + text(encoding) + text(data));
}

inline std::string channel(std::uint16_t id, std::uint16_t schema_id, std::string_view topic,
                           std::string_view encoding = "protobuf") {
  return record(mcap::Opcode::channel, le(id) + le(schema_id) + text(topic) + text(encoding) + text(""));
}

inline std::string message(std::uint16_t id, std::uint64_t time, std::string_view data) {
  return record(mcap::Opcode::message,
                le(id) + le(std::uint32_t{0}) + le(time) + le(time) + std::string(data));
}

inline std::string chunk(std::string_view records, std::uint64_t size, std::uint32_t checksum,
                         std::string_view compression) {
  return record(mcap::Opcode::chunk, le(std::uint64_t{0}) + le(std::uint64_t{0}) + le(size) + le(checksum) +
                                         text(compression) + le(std::uint64_t{records.size()}) +
                                         std::string(records));
}

inline std::string plain_chunk(std::string_view records) {
  return chunk(records, records.size(), crc(records), "");
}

inline std::string zstd(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1));
  return out;
}

// DataEnd, an empty summary and the footer.
inline std::string ending(std::string_view data) {
  const std::string footer = record(mcap::Opcode::footer, std::string(20, '\0'));
  return record(mcap::Opcode::data_end, le(crc(data))) + footer.substr(0, footer.size() - 4) +
         le(crc(footer.substr(0, footer.size() - 4))) + std::string(mcap::kMagic);
}

}  // namespace vmitap::sink::test
