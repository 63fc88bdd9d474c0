// SPDX-License-Identifier: MIT
// Turns records into messages by the descriptors that travel with them. Descriptors and messages may come
// from anywhere: what libprotobuf does not bound itself is bounded here. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "sink/reader.hpp"
#include "vmitap/vmitap.pb.h"

namespace vmitap::sink {

// The facts of a record without decoding the rest of it. Errc::bad_file.
Result<Facts> facts_of(std::span<const std::byte> message);

class RecordDecoder {
 public:
  RecordDecoder();
  RecordDecoder(RecordDecoder&&) noexcept;
  RecordDecoder& operator=(RecordDecoder&&) noexcept;
  ~RecordDecoder();

  // Errc::bad_file with the rule as subject: its descriptors are no good.
  Result<void> add(const Channel& channel);
  // The message belongs to the decoder and is good until the next call. Errc::bad_file.
  Result<const google::protobuf::Message*> decode(const ReadRecord& record);

  // The rule of a channel that was announced, even if its descriptors were no good; else empty.
  [[nodiscard]] std::string rule(std::uint32_t channel) const;
  // nullptr if the channel is unknown or its descriptors were no good.
  [[nodiscard]] const google::protobuf::Descriptor* descriptor(std::uint32_t channel) const;

 private:
  struct Types;
  std::map<std::uint32_t, std::unique_ptr<Types>> channels_;
};

}  // namespace vmitap::sink
