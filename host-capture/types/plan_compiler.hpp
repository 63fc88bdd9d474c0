// SPDX-License-Identifier: MIT
// From a model of messages to the operations that write them.
#pragma once

#include "base/result.hpp"
#include "types/encode_plan.hpp"
#include "types/schema_model.hpp"

namespace vmitap::types {

// No value encodes to more than this, however often its members overlap.
inline constexpr std::uint64_t kEncodedMax = 16u << 20;

// A plan for one field whose value is `value_size` bytes. Errc::too_large; Errc::bad_debug_info if a
// member stands outside of the value.
Result<EncodePlan> compile(const SchemaModel& model, const FieldModel& field, std::uint64_t value_size);
// The same for a message that is field `number`.
Result<EncodePlan> compile(const SchemaModel& model, const MessageModel& message, std::uint32_t number,
                           std::uint64_t value_size);

}  // namespace vmitap::types
