// SPDX-License-Identifier: MIT
#include "types/object.hpp"

#include <fmt/core.h>

#include <array>
#include <exception>
#include <string_view>
#include <utility>

#include "types/debug_files.hpp"
#include "types/dwarf_descriptors.hpp"
#include "types/dwarf_index.hpp"
#include "types/dwarf_types.hpp"
#include "types/elf_file.hpp"
#include "types/layout_check.hpp"
#include "types/object_search.hpp"
#include "types/packet_catalog.hpp"

namespace vmitap::types {
namespace {

Error with_file(Error error, const std::string& path) {
  if (error.subject.empty()) error.subject = path;
  return error;
}

Result<std::shared_ptr<const Catalog>> load(const std::string& path, const LoadOptions& options) {
  auto object = ElfFile::open(path);
  if (!object) return tl::unexpected{object.error()};
  if (!options.build_id.empty() && options.build_id != object->build_id()) {
    return fail(
        {.code = Errc::stale_debug_info,
         .operation = "comparing build ids",
         .subject = path,
         .hint = fmt::format("the guest runs build {}, and the file is build {}: start the guest again",
                             options.build_id, object->build_id().empty() ? "(none)" : object->build_id())});
  }
  auto debug = open_debug_info(*object, options.debug_dirs);
  if (!debug) return tl::unexpected{debug.error()};
  const std::string& debug_path = debug->path(*object);

  auto index = dwarf::DwarfIndex::build(debug->dwarf.get(), {.all_types = options.all_types});
  if (!index) return tl::unexpected{with_file(index.error(), debug_path)};

  auto catalog = std::make_shared<Catalog>();
  catalog->object = path;
  catalog->build_id = object->build_id();
  dwarf::TypeReader reader{*index, catalog->types};
  if (auto done = dwarf::read_descriptors(*index, *object, reader, *catalog); !done) {
    return tl::unexpected{done.error()};
  }
  if (options.all_types) {
    for (const Dwarf_Die& die : index->named_types()) reader.type(die);
    reader.run();
  }
  if (catalog->types.size() == 1 && !index->missing_files().empty()) {
    return fail(
        {.code = Errc::no_debug_info,
         .operation = "finding debug information",
         .subject = debug_path,
         .hint = fmt::format("its split debug file {} is not there", index->missing_files().front())});
  }
  seclude_unsound(*catalog);
  return catalog;
}

}  // namespace

Result<std::shared_ptr<const Catalog>> load_object(const std::string& path, const LoadOptions& options) {
  try {
    return load(path, options);
  } catch (const std::exception& exception) {  // out of memory, or a file system that fails
    return fail({.code = Errc::bad_debug_info,
                 .operation = "reading debug information",
                 .subject = path,
                 .hint = exception.what()});
  }
}

Result<std::shared_ptr<const Catalog>> load_module(const backend::GuestModule& module, LoadOptions options) {
  if (module.is_packet_abi) return packet_catalog();
  options.build_id = module.build_id;
  if (!module.host_path.empty()) return load_object(module.host_path, options);
  try {
    const auto path = find_object(options.debug_dirs, module.build_id, module.path);
    return path ? load_object(*path, options) : tl::unexpected{path.error()};
  } catch (const std::exception& exception) {
    return fail({.code = Errc::io,
                 .operation = "finding an object by its build id",
                 .subject = module.path,
                 .hint = exception.what()});
  }
}

}  // namespace vmitap::types
