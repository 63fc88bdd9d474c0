// SPDX-License-Identifier: MIT
// Where encoded records go, as the pipeline sees it; the formats stand in sink/. One writer thread.
// After an error a sink stays in error: every later call returns the same one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::pipeline {

using ChannelId = std::uint16_t;

// What a record calls the value of its packet's first bytes.
inline constexpr std::string_view kPacketBytes = "bytes";

class Sink {
 public:
  virtual ~Sink() = default;

  virtual Result<void> session(const Session& session) = 0;  // first
  virtual Result<void> catalog(const Catalog& catalog) = 0;  // the layouts behind the channels
  virtual Result<void> channel(const Channel& channel) = 0;  // before its first record
  // time_ns: ns since 1970, also the order in time that readers see.
  virtual Result<void> record(ChannelId channel, std::uint64_t time_ns,
                              std::span<const std::byte> message) = 0;
  virtual Result<void> loss(const Loss& loss) = 0;
  // Called about once a second: what was handed over before must survive a kill.
  virtual Result<void> flush() = 0;
  virtual Result<void> close(const Summary& summary) = 0;  // last
  [[nodiscard]] virtual std::uint64_t bytes_written() const = 0;
};

}  // namespace vmitap::pipeline
