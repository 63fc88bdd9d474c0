// SPDX-License-Identifier: MIT
#include "types/debug_files.hpp"

#include <elfutils/libdwelf.h>
#include <fmt/core.h>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <vector>

#include "types/elf_relocate.hpp"
#include "types/object_search.hpp"

namespace vmitap::types {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSystemDebugDir = "/usr/lib/debug";

std::optional<std::uint32_t> file_crc(const ElfFile& file) {
  std::vector<unsigned char> buffer(1 << 16);
  uLong crc = crc32(0, nullptr, 0);
  for (off_t offset = 0;;) {
    const ssize_t size = ::pread(file.fd(), buffer.data(), buffer.size(), offset);
    if (size < 0) return std::nullopt;
    if (size == 0) return static_cast<std::uint32_t>(crc);
    crc = crc32(crc, buffer.data(), static_cast<uInt>(size));
    offset += size;
  }
}

class Search {
 public:
  Search(const ElfFile& object, std::span<const std::string> debug_dirs)
      : object_(object), named_dirs_(debug_dirs) {
    dirs_.assign(debug_dirs.begin(), debug_dirs.end());
    dirs_.emplace_back(kSystemDebugDir);
  }

  Result<DebugInfo> run() {
    if (object_.has_debug_info()) return open_session(std::nullopt);
    for (const auto& [path, crc] : candidates()) {
      if (auto file = try_file(path, crc)) return open_session(std::move(file));
    }
    for (const std::string& path : find_by_build_id(named_dirs_, object_.build_id()).paths) {
      if (auto file = try_file(path, std::nullopt)) return open_session(std::move(file));
    }
    for (const std::string& dir : named_dirs_) looked_at_.push_back("in and below " + dir);
    return not_found();
  }

 private:
  struct Candidate {
    fs::path path;
    std::optional<std::uint32_t> crc;
  };

  [[nodiscard]] std::vector<Candidate> candidates() const {
    std::vector<Candidate> found;
    if (object_.build_id().size() > 2) {
      for (const fs::path& dir : dirs_) found.push_back({dir / build_id_path(object_.build_id()), {}});
    }
    GElf_Word crc = 0;
    const char* link = dwelf_elf_gnu_debuglink(object_.elf(), &crc);
    if (link == nullptr || *link == '\0') return found;
    // Only a name: a link may not lead to anywhere else.
    const fs::path name = fs::path{link}.filename();
    std::error_code error;
    fs::path folder = fs::canonical(object_.path(), error).parent_path();
    if (error) folder = fs::path{object_.path()}.parent_path();
    found.push_back({folder / name, crc});
    found.push_back({folder / ".debug" / name, crc});
    for (const fs::path& dir : dirs_) found.push_back({dir / folder.relative_path() / name, crc});
    return found;
  }

  std::optional<ElfFile> try_file(const fs::path& path, std::optional<std::uint32_t> crc) {
    std::error_code error;
    if (!fs::exists(path, error) || fs::equivalent(path, object_.path(), error)) {
      looked_at_.push_back(path.string());
      return std::nullopt;
    }
    auto file = ElfFile::open(path.string());
    if (!file || !file->has_debug_info()) {
      looked_at_.push_back(path.string() + (file ? " (no debug information in it)" : " (unreadable)"));
      return std::nullopt;
    }
    const bool same_id = file->build_id() == object_.build_id();
    if (!same_id || (object_.build_id().empty() && crc && file_crc(*file) != crc)) {
      if (stale_.empty()) stale_ = path.string();
      return std::nullopt;
    }
    return std::move(*file);
  }

  Result<DebugInfo> open_session(std::optional<ElfFile> separate) {
    DebugInfo info;
    info.separate = std::move(separate);
    const ElfFile& file = info.separate ? *info.separate : object_;
    if (file.has_unknown_compression()) {
      return bad(file.path(),
                 "its sections are compressed in a way that libelf does not know; "
                 "objcopy --decompress-debug-sections helps");
    }
    info.dwarf.reset(dwarf_begin_elf(file.elf(), DWARF_C_READ, nullptr));
    if (!info.dwarf) return bad(file.path(), dwarf_errmsg(-1));
    if (file.is_relocatable()) {
      if (auto relocated = relocate_debug_info(file); !relocated) return tl::unexpected{relocated.error()};
    }
    if (auto opened = open_alternate(file, info); !opened) return tl::unexpected{opened.error()};
    return info;
  }

  // Set here, as libdw would else open whatever path the section names.
  Result<void> open_alternate(const ElfFile& file, DebugInfo& info) {
    const char* name = nullptr;
    const void* id = nullptr;
    const ssize_t id_size = dwelf_dwarf_gnu_debugaltlink(info.dwarf.get(), &name, &id);
    if (id_size <= 0 || name == nullptr) return {};
    const std::string build_id =
        to_hex({static_cast<const std::byte*>(id), static_cast<std::size_t>(id_size)});
    std::vector<fs::path> places{fs::path{file.path()}.parent_path() / name};  // an absolute name stays one
    for (const fs::path& dir : dirs_) places.push_back(dir / build_id_path(build_id));
    for (const fs::path& place : places) {
      auto alternate = ElfFile::open(place.string(), ElfRole::shared_debug);
      if (!alternate || alternate->build_id() != build_id || alternate->has_unknown_compression()) continue;
      info.alternate_dwarf.reset(dwarf_begin_elf(alternate->elf(), DWARF_C_READ, nullptr));
      if (!info.alternate_dwarf) continue;
      info.alternate = std::move(*alternate);
      dwarf_setalt(info.dwarf.get(), info.alternate_dwarf.get());
      return {};
    }
    return fail(
        {.code = Errc::no_debug_info,
         .operation = "finding debug information",
         .subject = file.path(),
         .hint = fmt::format("it needs the file {} of build id {}, which is not installed", name, build_id)});
  }

  tl::unexpected<Error> bad(const std::string& path, std::string hint) {
    return fail({.code = Errc::bad_debug_info,
                 .operation = "opening debug information",
                 .subject = path,
                 .hint = std::move(hint)});
  }

  tl::unexpected<Error> not_found() {
    if (!stale_.empty()) {
      return fail(
          {.code = Errc::stale_debug_info,
           .operation = "finding debug information",
           .subject = stale_,
           .hint = fmt::format("put the debug file there that was built together with {}, or restart the "
                               "guest after a build",
                               object_.path())});
    }
    std::string hint = "build it with -g";
    if (!looked_at_.empty()) {
      hint += ", or install its debug file; looked for";
      for (const std::string& path : looked_at_) hint += " " + path;
    }
    return fail({.code = Errc::no_debug_info,
                 .operation = "finding debug information",
                 .subject = object_.path(),
                 .hint = std::move(hint)});
  }

  const ElfFile& object_;
  std::span<const std::string> named_dirs_;
  std::vector<fs::path> dirs_;
  std::vector<std::string> looked_at_;
  std::string stale_;
};

}  // namespace

fs::path build_id_path(const std::string& build_id) {
  return fs::path{".build-id"} / build_id.substr(0, 2) / (build_id.substr(2) + ".debug");
}

Result<DebugInfo> open_debug_info(const ElfFile& object, std::span<const std::string> debug_dirs) {
  return Search{object, debug_dirs}.run();
}

}  // namespace vmitap::types
