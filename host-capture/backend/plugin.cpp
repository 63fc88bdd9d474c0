// SPDX-License-Identifier: MIT
#include "backend/plugin.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>
#include <mutex>

namespace vmitap::backend {
namespace {

Result<const Backend*> load(const std::string& name) {
  std::error_code error;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::string file = fmt::format("libvmitap_{}.so", name);
  std::string said = fmt::format("{} is neither in {} nor in ../lib/vmitap from there", file, here.string());
  for (const std::filesystem::path& path : {here / file, here / "../lib/vmitap" / file}) {
    if (!std::filesystem::exists(path, error)) continue;
    void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      said = ::dlerror();
      continue;
    }
    using Entry = const Backend* (*)();
    const auto entry = reinterpret_cast<Entry>(::dlsym(library, kPluginSymbol));
    if (entry != nullptr) return entry();
    said = fmt::format("{} is no backend of this vmitap", path.string());
  }
  return fail({.code = Errc::unsupported,
               .operation = "load a backend",
               .subject = fmt::format("the {} backend", name),
               .hint = said});
}

}  // namespace

Result<const Backend*> load_backend(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, const Backend*> loaded;
  const std::lock_guard lock(mutex);
  if (const auto known = loaded.find(name); known != loaded.end()) return known->second;
  auto backend = load(name);
  if (backend) loaded[name] = *backend;
  return backend;
}

}  // namespace vmitap::backend
