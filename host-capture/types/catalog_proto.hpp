// SPDX-License-Identifier: MIT
// A catalog as a message, as it travels with a capture.
#pragma once

#include "base/result.hpp"
#include "types/layout.hpp"

namespace vmitap {
class Catalog;  // the message: proto/vmitap/vmitap.proto
}

namespace vmitap::types {

void to_proto(const Catalog& catalog, vmitap::Catalog& message);

// The message may come from anywhere. Errc::bad_file if it breaks a rule of layout_check.hpp; the caller
// adds the file.
Result<Catalog> from_proto(const vmitap::Catalog& message);

}  // namespace vmitap::types
