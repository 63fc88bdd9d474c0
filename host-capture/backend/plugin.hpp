// SPDX-License-Identifier: MIT
// Loads a backend that leans on libraries which not every machine has.
#pragma once

#include <string>

#include "backend/backend.hpp"

namespace vmitap::backend {

// The file libvmitap_NAME.so beside the program, or in ../lib/vmitap. Loaded once; stays for good.
// Errc::unsupported with what the loader says.
Result<const Backend*> load_backend(const std::string& name);

}  // namespace vmitap::backend
