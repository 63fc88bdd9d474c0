// SPDX-License-Identifier: MIT
// What a channel offers to be watched: the messages of control_abi.h that stand in its catalog pages. To be
// read by anybody in dom0, also while the channel is captured.
#pragma once

#include <cstddef>
#include <span>

#include "backend/guest.hpp"
#include "backend/xen/directory.hpp"
#include "backend/xen/grants.hpp"

namespace vmitap::backend::xen {

// Copied while the guest did not write it. Errc::protocol, timeout.
Result<GuestCatalog> read_catalog(Grants& grants, const Directory& directory);

// A copy of the pages, as far as the guest says that they are used. Errc::protocol.
Result<GuestCatalog> parse_catalog(std::span<const std::byte> bytes);

}  // namespace vmitap::backend::xen
