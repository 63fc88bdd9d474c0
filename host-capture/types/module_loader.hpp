// SPDX-License-Identifier: MIT
// The types of all that one guest has loaded. It says itself what that is: so there is a bound to how many
// objects, how often one, and how long.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "backend/guest.hpp"
#include "base/result.hpp"
#include "types/layout.hpp"
#include "types/object.hpp"

namespace vmitap::types {

// Far more than programs load, and few enough for a guest that makes them up to cost the host little.
inline constexpr std::size_t kObjectsMax = 1024;

class ModuleLoader {
 public:
  // LoadOptions::build_id is each module's own. The time begins now.
  explicit ModuleLoader(LoadOptions options);
  // As load_module(); an object that is loaded several times is read once. Errc::too_large: the guest has
  // loaded it oftener than an honest one does; timeout: it came too late.
  Result<std::shared_ptr<const Catalog>> load(const backend::GuestModule& module);
  // From now on each comes too late.
  void stop() noexcept;

 private:
  struct Known {
    Result<std::shared_ptr<const Catalog>> object;
    std::size_t count = 0;
  };
  LoadOptions options_;
  std::chrono::steady_clock::time_point until_;
  std::unordered_map<std::string, Known> read_;  // by build id; of what has none by path
};

}  // namespace vmitap::types
