// SPDX-License-Identifier: MIT
// What vmitap needs of Xen and of a domain, tried out: for `vmitap doctor`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/checks.hpp"
#include "backend/xen/domain_control.hpp"
#include "base/error_text.hpp"
#include "base/result.hpp"

namespace vmitap::backend::xen {

// Nothing where no Xen runs: then nobody wants to know.
std::vector<Check> check_host();
// Neither attaches nor pauses.
std::vector<Check> check_guest(std::string_view name);

template <class T>
Check opened(std::string what, const Result<T>& result, std::string finding) {
  if (result) return {std::move(what), Check::Verdict::works, std::move(finding), ""};
  return {std::move(what), Check::Verdict::fails, describe(result.error()), remedy(result.error())};
}

Check check_pauses(const DomainInfo& domain);

}  // namespace vmitap::backend::xen
