// SPDX-License-Identifier: MIT
// What a running guest offers, together with the types that the debug information of its objects gives.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/guest.hpp"
#include "base/result.hpp"
#include "types/layout.hpp"

namespace vmitap::cli {

struct ModuleTypes {
  backend::GuestModule module;
  std::shared_ptr<const types::Catalog> catalog;  // nullptr: see problem
  std::optional<Error> problem;

  [[nodiscard]] bool has_types() const { return catalog != nullptr; }
};

struct GuestTypes {
  std::vector<ModuleTypes> modules;
  std::vector<backend::GuestSite> sites;
  std::optional<backend::KernelImage> kernel;

  [[nodiscard]] const ModuleTypes* module_of(const backend::GuestSite& site) const;
  // The same place as the debug information knows it; nullptr if it does not.
  [[nodiscard]] const types::Mark* mark_of(const backend::GuestSite& site) const;
  [[nodiscard]] const types::TriggerSite* trigger_of(const backend::GuestSite& site) const;
};

// Objects without usable debug information keep their Error and are no error of the whole.
Result<GuestTypes> load_guest_types(backend::Guest& guest, std::span<const std::string> debug_dirs,
                                    bool all_types);

// The names of a guest's triggers, sorted, each once; empty if it cannot be asked.
std::vector<std::string> trigger_names(std::string_view guest);

}  // namespace vmitap::cli
