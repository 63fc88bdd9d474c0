// SPDX-License-Identifier: MIT
#include "sink/descriptor_set.hpp"

#include <google/protobuf/descriptor.h>

#include <set>

namespace vmitap::sink {
namespace {

using google::protobuf::FileDescriptor;

void add(const FileDescriptor& file, std::set<const FileDescriptor*>& added,
         google::protobuf::FileDescriptorSet& set) {
  if (!added.insert(&file).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) add(*file.dependency(i), added, set);
  file.CopyTo(set.add_file());
}

}  // namespace

google::protobuf::FileDescriptorSet descriptor_set(const FileDescriptor& file) {
  google::protobuf::FileDescriptorSet set;
  std::set<const FileDescriptor*> added;
  add(file, added, set);
  return set;
}

}  // namespace vmitap::sink
