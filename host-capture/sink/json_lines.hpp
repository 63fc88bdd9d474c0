// SPDX-License-Identifier: MIT
// The items of a capture as lines of JSON, as `--format jsonl` writes and `vmitap decode` prints them.
#pragma once

#include <string>

#include "base/result.hpp"
#include "sink/reader.hpp"
#include "sink/record_decoder.hpp"

namespace vmitap::sink {

class JsonLines {
 public:
  // On error the rule's records will be lines with "undecoded".
  Result<void> channel(const Channel& channel) { return decoder_.add(channel); }
  std::string record(const ReadRecord& record);
  static std::string session(const Session& session);
  static std::string loss(const Loss& loss);
  static std::string summary(const Summary& summary);

 private:
  RecordDecoder decoder_;
};

}  // namespace vmitap::sink
