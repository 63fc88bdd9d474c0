// SPDX-License-Identifier: MIT
// Any bytes as an ELF object: either an error, or a catalog that keeps all its promises.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "types/catalog_proto.hpp"
#include "types/layout_check.hpp"
#include "types/object.hpp"
#include "vmitap/vmitap.pb.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void load(const std::string& path, bool all_types) {
  const auto loaded =
      vmitap::types::load_object(path, {.debug_dirs = {}, .build_id = {}, .all_types = all_types});
  if (!loaded) return;
  const vmitap::types::Catalog& catalog = **loaded;
  require(vmitap::types::unsound_types(catalog).empty());
  for (vmitap::types::TypeId id = 0; id < catalog.types.size(); ++id) {
    require(catalog.strip(id) < catalog.types.size());
    require(!catalog.spelling(id).empty());
  }
  vmitap::Catalog message;
  vmitap::types::to_proto(catalog, message);
  std::string bytes;
  vmitap::Catalog again;
  require(message.SerializeToString(&bytes) && again.ParseFromString(bytes));
  require(vmitap::types::from_proto(again).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int fd = memfd_create("object", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  require(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == static_cast<ssize_t>(size));
  load(path, false);
  load(path, true);
  return 0;
}
