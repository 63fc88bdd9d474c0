// SPDX-License-Identifier: MIT
#include "cli/guest_types.hpp"

#include <algorithm>
#include <utility>

#include "types/module_loader.hpp"

namespace vmitap::cli {
namespace {

template <class Site>
const Site* at_descriptor(const std::vector<Site>& sites, std::uint64_t descriptor) {
  const auto found =
      std::ranges::find_if(sites, [&](const Site& site) { return site.descriptor.value == descriptor; });
  return found != sites.end() ? &*found : nullptr;
}

}  // namespace

const ModuleTypes* GuestTypes::module_of(const backend::GuestSite& site) const {
  const auto found = std::ranges::find_if(
      modules, [&](const ModuleTypes& module) { return module.module.id == site.module; });
  return found != modules.end() ? &*found : nullptr;
}

const types::Mark* GuestTypes::mark_of(const backend::GuestSite& site) const {
  const ModuleTypes* module = module_of(site);
  if (module == nullptr || !module->catalog) return nullptr;
  return at_descriptor(module->catalog->marks, site.descriptor.value - module->module.load_bias);
}

const types::TriggerSite* GuestTypes::trigger_of(const backend::GuestSite& site) const {
  const ModuleTypes* module = module_of(site);
  if (module == nullptr || !module->catalog) return nullptr;
  return at_descriptor(module->catalog->triggers, site.descriptor.value - module->module.load_bias);
}

Result<GuestTypes> load_guest_types(backend::Guest& guest, std::span<const std::string> debug_dirs,
                                    bool all_types) {
  auto listed = guest.list();
  if (!listed) return fail(std::move(listed.error()));
  if (listed->modules.size() > types::kObjectsMax)
    return fail({.code = Errc::too_large,
                 .operation = "load types",
                 .subject = "the number of objects that the guest has loaded",
                 .number = types::kObjectsMax});
  GuestTypes loaded;
  loaded.sites = std::move(listed->sites);
  loaded.kernel = listed->kernel;
  types::ModuleLoader loader({.debug_dirs = debug_dirs, .all_types = all_types});
  for (backend::GuestModule& module : listed->modules) {
    auto catalog = loader.load(module);
    ModuleTypes types{.module = std::move(module), .catalog = nullptr, .problem = std::nullopt};
    if (catalog) {
      types.catalog = std::move(*catalog);
    } else {
      types.problem = std::move(catalog.error());
    }
    loaded.modules.push_back(std::move(types));
  }
  return loaded;
}

std::vector<std::string> trigger_names(std::string_view guest) {
  std::vector<std::string> names;
  auto opened = backend::open_guest(guest);
  if (!opened) return names;
  const auto listed = (*opened)->list();
  if (!listed) return names;
  for (const backend::GuestSite& site : listed->sites) {
    if (site.is_trigger) names.push_back(site.name);
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace vmitap::cli
