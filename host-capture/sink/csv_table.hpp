// SPDX-License-Identifier: MIT
// The lines of csv.hpp, from the items of a capture. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sink/csv.hpp"
#include "sink/csv_shape.hpp"
#include "sink/fields.hpp"
#include "sink/record_decoder.hpp"

namespace vmitap::sink {

class CsvTable {
 public:
  explicit CsvTable(const CsvOptions& options) : options_(options), fields_(options.fields) {}

  void channel(const Channel& channel);
  // First pass: learns what columns a record needs. False if it does not decode.
  bool survey(const ReadRecord& record);
  // Between the passes: what write_csv() says of errors.
  [[nodiscard]] Result<void> check() const;
  std::string header();
  // Second pass. Empty if the record has no line.
  std::string line(const ReadRecord& record);

 private:
  // A field of one or more rules: one column or several.
  struct Field {
    std::string name;
    Shape shape;
    bool is_wanted = true;               // also if no record has it
    std::optional<std::size_t> ends_at;  // of an array, too short for the index that was asked for
    [[nodiscard]] bool is_shown() const { return is_wanted || shape.seen(); }
  };
  struct Source {
    std::size_t field;  // index into table_
    FieldPath path;
  };

  std::size_t field(const std::string& name, bool is_wanted);
  std::vector<Source> all_of(const google::protobuf::Descriptor& message);
  std::vector<Source> asked_of(const google::protobuf::Descriptor& message);
  std::optional<nlohmann::ordered_json> decode(const ReadRecord& record);

  const CsvOptions& options_;
  FieldNames fields_;
  RecordDecoder decoder_;
  std::set<std::string> rules_;
  std::vector<Field> table_;
  std::map<std::string, std::size_t> by_name_;
  std::map<std::uint32_t, std::vector<Source>> sources_;  // by channel
  std::vector<const nlohmann::ordered_json*> cells_;
};

}  // namespace vmitap::sink
