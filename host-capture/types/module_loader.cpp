// SPDX-License-Identifier: MIT
#include "types/module_loader.hpp"

#include <utility>

namespace vmitap::types {
namespace {

constexpr std::chrono::seconds kLoading{20};
constexpr std::size_t kCopiesMax = 16;  // of one object, as dlmopen() makes them

}  // namespace

ModuleLoader::ModuleLoader(LoadOptions options)
    : options_(std::move(options)), until_(std::chrono::steady_clock::now() + kLoading) {}

Result<std::shared_ptr<const Catalog>> ModuleLoader::load(const backend::GuestModule& module) {
  if (std::chrono::steady_clock::now() > until_)
    return fail({.code = Errc::timeout,
                 .operation = "load types",
                 .subject = "the debug information of all that the guest has loaded"});
  Known& known = read_[module.build_id.empty() ? module.path : module.build_id];
  if (known.count++ == 0) known.object = load_module(module, options_);
  if (known.count > kCopiesMax)
    known.object = fail({.code = Errc::too_large,
                         .operation = "load types",
                         .subject = "how often the guest has loaded " + module.path,
                         .number = kCopiesMax});
  return known.object;
}

void ModuleLoader::stop() noexcept { until_ = {}; }

}  // namespace vmitap::types
