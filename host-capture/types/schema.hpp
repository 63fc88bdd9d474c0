// SPDX-License-Identifier: MIT
// From C layouts to a protobuf schema made at run time, and the plan that encodes by it.
//
// A rule's message is
//   message RULE { vmitap.Facts facts = 1; Args args = 2; Values values = 3; }
// with one field per argument or value, whose json_name is the expression as written, and one
// message per C struct, with the members' own names. Fields have explicit presence and are written
// even if zero: an absent field was not read. proto3; enumerations keep their C names.
#pragma once

#include <google/protobuf/descriptor.pb.h>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "types/encode_plan.hpp"
#include "types/expression.hpp"
#include "types/layout.hpp"

namespace vmitap::types {

inline constexpr int kFactsField = 1;
inline constexpr int kArgsField = 2;
inline constexpr int kValuesField = 3;

struct RuleSchema {
  std::string message;                        // full name: "vmitap.rule.segments.Segments"
  google::protobuf::FileDescriptorSet files;  // with vmitap.proto and descriptor.proto; imports first
  EncodePlan args;                 // encodes the whole `args` field from the argument struct's bytes
  std::vector<EncodePlan> values;  // each encodes one field of `values` from that value's bytes
};

// `arguments` may be empty (timer and manual rules). Every Value brings its own catalog.
Result<RuleSchema> make_schema(std::string_view rule, const Catalog* arguments_catalog,
                               std::span<const Argument> arguments, std::uint64_t arguments_size,
                               std::span<const Value> values);

}  // namespace vmitap::types
