// SPDX-License-Identifier: MIT
// The items of a capture as lines of JSON, as `--format jsonl` writes and `vmitap decode` prints them.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "sink/fields.hpp"
#include "sink/reader.hpp"
#include "sink/record_decoder.hpp"

namespace vmitap::sink {

class JsonLines {
 public:
  // With fields (fields.hpp), a record is {"FIELD":…,…}, in that order; null is what it does not have.
  // Records of rules that have none of the fields are left out.
  explicit JsonLines(std::vector<std::string> fields = {}) : fields_(std::move(fields)) {}

  // On error the rule's records will be lines with "undecoded".
  Result<void> channel(const Channel& channel);
  std::string record(const ReadRecord& record);  // empty if it is left out
  // Once all is read: Errc::unknown_name if a field was in no rule.
  [[nodiscard]] Result<void> fields_known() const { return fields_.all_known(); }
  static std::string session(const Session& session);
  static std::string loss(const Loss& loss);
  static std::string summary(const Summary& summary);

 private:
  std::string selected(std::uint32_t channel, const nlohmann::ordered_json& record) const;

  RecordDecoder decoder_;
  FieldNames fields_;
  std::map<std::uint32_t, std::vector<FieldPath>> paths_;  // of fields_, by channel
};

}  // namespace vmitap::sink
