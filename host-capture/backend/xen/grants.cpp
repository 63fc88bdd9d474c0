// SPDX-License-Identifier: MIT
#include "backend/xen/grants.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <vector>

#include "vmitap/ring_abi.h"

namespace vmitap::backend::xen {

void GrantUnmap::operator()(std::byte* start) const noexcept {
  xengnttab_unmap(handle.get(), start, static_cast<std::uint32_t>(size / VMITAP_PAGE_SIZE));
}

Result<Grants> Grants::open(DomId domain) {
  std::shared_ptr<xengnttab_handle> handle(xengnttab_open(quiet(), 0), Closer<xengnttab_close>{});
  if (handle) return Grants(std::move(handle), domain);
  return fail({.code = errno == EACCES || errno == EPERM ? Errc::access_denied : Errc::unsupported,
               .operation = "xengnttab_open",
               .subject = "mapping granted pages",
               .sys = errno,
               .hint = "run vmitap as root in dom0, with the module xen-gntdev loaded"});
}

Result<GrantedPages> Grants::map(std::span<const GrantRef> refs, Access access) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(refs.size());
  for (const GrantRef ref : refs) numbers.push_back(ref.value);
  void* const at = xengnttab_map_domain_grant_refs(
      handle_.get(), static_cast<std::uint32_t>(numbers.size()), domain_.value, numbers.data(),
      access == Access::write ? PROT_READ | PROT_WRITE : PROT_READ);
  if (at != nullptr)
    return GrantedPages(static_cast<std::byte*>(at), {handle_, numbers.size() * VMITAP_PAGE_SIZE});
  return fail({.code = errno == ENOMEM || errno == ENOSPC ? Errc::system : Errc::protocol,
               .operation = "xengnttab_map_domain_grant_refs",
               .subject = fmt::format(
                   "{} that domain {} names as granted cannot be mapped",
                   numbers.size() == 1 ? "a page" : fmt::format("{} pages", numbers.size()), domain_.value),
               .sys = errno});
}

Result<GrantedPages> Grants::map_with_notice(GrantRef ref, std::size_t offset, EvtchnPort port) {
  void* const at =
      xengnttab_map_grant_ref_notify(handle_.get(), domain_.value, ref.value, PROT_READ | PROT_WRITE,
                                     static_cast<std::uint32_t>(offset), port.value);
  if (at != nullptr) return GrantedPages(static_cast<std::byte*>(at), {handle_, VMITAP_PAGE_SIZE});
  return fail(
      {.code = Errc::protocol,
       .operation = "xengnttab_map_grant_ref_notify",
       .subject = fmt::format("the first page of domain {}'s host region cannot be mapped", domain_.value),
       .sys = errno});
}

}  // namespace vmitap::backend::xen
