// SPDX-License-Identifier: MIT
#pragma once

#include <google/protobuf/descriptor.pb.h>
#include <string>

#include "types/schema_model.hpp"

namespace vmitap::types {

// The file of a rule's types: one message for each model and enumeration. Add the rule's own.
google::protobuf::FileDescriptorProto describe_file(const std::string& package, const SchemaModel& model);
google::protobuf::DescriptorProto describe_message(const std::string& package, const SchemaModel& model,
                                                   const MessageModel& message);

}  // namespace vmitap::types
