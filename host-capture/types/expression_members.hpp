// SPDX-License-Identifier: MIT
// Members as C and C++ find them: through anonymous members, and in base classes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "types/layout.hpp"

namespace vmitap::types {

struct FoundMember {
  const Member* member;
  std::uint64_t record_offset;  // from the start of the record asked to that which declares the member
};

// `name` may be qualified: "Base::member". Errc::unknown_name with the nearest one,
// Errc::ambiguous_name, Errc::unsupported for members of virtual bases.
Result<FoundMember> find_member(const Catalog& catalog, TypeId record, const std::string& name);

}  // namespace vmitap::types
