// SPDX-License-Identifier: MIT
#pragma once

#include <google/protobuf/descriptor.pb.h>

namespace google::protobuf {
class FileDescriptor;
}

namespace vmitap::sink {

// A file and all that it imports, imports first.
google::protobuf::FileDescriptorSet descriptor_set(const google::protobuf::FileDescriptor& file);

}  // namespace vmitap::sink
