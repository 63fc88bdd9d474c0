// SPDX-License-Identifier: MIT
#include "types/object_search.hpp"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <optional>
#include <utility>

#include "types/debug_files.hpp"
#include "types/elf_file.hpp"

namespace vmitap::types {
namespace {

namespace fs = std::filesystem;

class Search {
 public:
  Search(const std::string& build_id, const SearchLimits& limits) : build_id_(build_id), limits_(limits) {}

  void look_into(const fs::path& dir) {
    const fs::path by_id = build_id_path(build_id_);
    try_file(dir / fs::path{by_id}.replace_extension());
    walk(dir);
    try_file(dir / by_id);
  }

  FoundObjects found() && {
    std::ranges::stable_sort(ranked_, {}, &std::pair<int, std::string>::first);
    FoundObjects result{.paths = {}, .looked_at_all = looked_at_all_};
    for (auto& [rank, path] : ranked_) result.paths.push_back(std::move(path));
    return result;
  }

 private:
  // Near folders first, so that a limit leaves out the far ones.
  void walk(const fs::path& dir) {
    std::deque<std::pair<fs::path, int>> folders{{dir, 0}};
    std::size_t entries = 0;
    for (; !folders.empty(); folders.pop_front()) {
      const auto [folder, depth] = folders.front();
      std::error_code error;
      for (fs::directory_iterator entry{folder, error}, end; !error && entry != end; entry.increment(error)) {
        if (++entries > limits_.entries) {
          looked_at_all_ = false;
          return;
        }
        std::error_code ignored;
        if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) {
          if (entry->path().filename().native().starts_with('.')) continue;
          if (depth < limits_.depth) {
            folders.emplace_back(entry->path(), depth + 1);
          } else {
            looked_at_all_ = false;
          }
        } else {
          try_file(entry->path());
        }
      }
    }
  }

  void try_file(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) return;
    const auto file = ElfFile::open(path.string());
    if (!file || file->build_id() != build_id_) return;
    const int rank = file->has_content() && file->has_debug_info() ? 0 : file->has_content() ? 1 : 2;
    ranked_.emplace_back(rank, path.string());
  }

  const std::string& build_id_;
  const SearchLimits& limits_;
  std::vector<std::pair<int, std::string>> ranked_;
  bool looked_at_all_ = true;
};

}  // namespace

FoundObjects find_by_build_id(std::span<const std::string> dirs, const std::string& build_id,
                              const SearchLimits& limits) {
  Search search{build_id, limits};
  if (build_id.size() <= 2) return {};
  for (const std::string& dir : dirs) search.look_into(dir);
  return std::move(search).found();
}

Result<std::string> find_object(std::span<const std::string> dirs, const std::string& build_id,
                                const std::string& name) {
  const auto none = [&](std::string hint) {
    return fail({.code = Errc::no_debug_info,
                 .operation = "finding an object by its build id",
                 .subject = name,
                 .hint = std::move(hint)});
  };
  if (build_id.size() <= 2) {
    return none(
        "the guest does not show its file, and it has no build id to look for; link it with --build-id");
  }
  FoundObjects found = find_by_build_id(dirs, build_id);
  if (!found.paths.empty()) return std::move(found.paths.front());
  if (dirs.empty()) {
    return none(
        fmt::format("the guest does not show its file; name the folder where build {} of it stands: "
                    "--debug-dir DIR",
                    build_id));
  }
  return none(
      fmt::format("no file of build id {} stands in or below {}{}; put it there, as it was built, with "
                  "its debug information (-g)",
                  build_id, fmt::join(dirs, ", "),
                  found.looked_at_all ? "" : " (not everything there was looked at: name a smaller folder)"));
}

}  // namespace vmitap::types
