// SPDX-License-Identifier: MIT
// Any bytes as the BTF of a kernel: an error, or types that keep all their promises.
#include <cstdlib>

#include "types/btf.hpp"
#include "types/btf_types.hpp"
#include "types/layout_check.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace vmitap::types;
  const auto btf = Btf::parse(std::as_bytes(std::span{data, size}));
  if (!btf) return 0;
  for (const std::string_view name : btf->type_names()) {
    require(!btf->named(name).empty());
    static_cast<void>(btf->per_cpu_variable(name));
  }
  Catalog catalog;
  BtfTypes types{*btf, catalog.types};
  for (BtfId id = 0; id <= btf->end(); ++id) require(types.add(id) < catalog.types.size());
  for (TypeId id = 0; id < catalog.types.size(); ++id) types.complete(id);
  seclude_unsound(catalog);
  require(unsound_types(catalog).empty());
  for (TypeId id = 0; id < catalog.types.size(); ++id) {
    require(catalog.strip(id) < catalog.types.size());
    require(!catalog.spelling(id).empty());
  }
  return 0;
}
