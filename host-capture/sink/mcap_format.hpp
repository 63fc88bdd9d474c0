// SPDX-License-Identifier: MIT
// The MCAP container's numbers: https://mcap.dev/spec
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vmitap::sink::mcap {

inline constexpr std::string_view kMagic{"\x89MCAP0\r\n", 8};
inline constexpr std::size_t kRecordHead = 1 + 8;  // opcode, length

enum class Opcode : std::uint8_t {
  header = 0x01,
  footer = 0x02,
  schema = 0x03,
  channel = 0x04,
  message = 0x05,
  chunk = 0x06,
  message_index = 0x07,
  chunk_index = 0x08,
  attachment = 0x09,
  attachment_index = 0x0a,
  statistics = 0x0b,
  metadata = 0x0c,
  metadata_index = 0x0d,
  summary_offset = 0x0e,
  data_end = 0x0f,
};

// What vmitap's own items are called in a capture. Other tools see them as topics and attachments.
inline constexpr std::string_view kSessionTopic = "vmitap.session";
inline constexpr std::string_view kLossTopic = "vmitap.loss";
inline constexpr std::string_view kSummaryTopic = "vmitap.summary";
inline constexpr std::string_view kCatalogMediaType = "application/x-protobuf";
inline constexpr std::string_view kCatalogPrefix = "vmitap.Catalog:";  // then the object's path

// What a reader takes from a file that it does not trust.
inline constexpr std::uint64_t kRecordMax = std::uint64_t{512} << 20;
inline constexpr std::uint64_t kChunkMax = std::uint64_t{256} << 20;  // uncompressed

}  // namespace vmitap::sink::mcap
