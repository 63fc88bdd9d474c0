// SPDX-License-Identifier: MIT
#include "backend/xen/grants.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>
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
  return fail(refused("xengnttab_map_domain_grant_refs", numbers, access));
}

Result<GrantedPages> Grants::map_with_notice(GrantRef ref, std::size_t offset, EvtchnPort port) {
  void* const at =
      xengnttab_map_grant_ref_notify(handle_.get(), domain_.value, ref.value, PROT_READ | PROT_WRITE,
                                     static_cast<std::uint32_t>(offset), port.value);
  if (at != nullptr) return GrantedPages(static_cast<std::byte*>(at), {handle_, VMITAP_PAGE_SIZE});
  return fail(refused("xengnttab_map_grant_ref_notify", std::span(&ref.value, 1), Access::write));
}

// dom0's kernel gives the same EINVAL if the domain did not grant the pages and if Xen has no room for
// another map. A copy needs the grant, and no room.
Error Grants::refused(const char* operation, std::span<const std::uint32_t> refs, Access access) const {
  const int why = errno;
  const bool granted = copies(refs) && (access == Access::read || !maps(refs));
  const std::string pages = refs.size() == 1 ? "a page" : fmt::format("{} pages", refs.size());
  if (why == ENOMEM || why == ENOSPC || granted)
    return {.code = Errc::system,
            .operation = operation,
            .subject = fmt::format("no room for {} that domain {} granted", pages, domain_.value),
            .sys = why,
            .hint =
                "end other captures, give dom0 more memory, or boot Xen with a larger "
                "gnttab_max_maptrack_frames"};
  return {.code = Errc::protocol,
          .operation = operation,
          .subject = fmt::format("{} that domain {} names as granted cannot be mapped", pages, domain_.value),
          .sys = why};
}

bool Grants::copies(std::span<const std::uint32_t> refs) const {
  std::byte taken{};
  std::vector<xengnttab_grant_copy_segment_t> segments(refs.size());
  for (std::size_t i = 0; i < refs.size(); ++i) {
    xengnttab_grant_copy_segment_t& segment = segments[i];
    segment.source.foreign = {.ref = refs[i], .offset = 0, .domid = domain_.value};
    segment.dest.virt = &taken;
    segment.len = 1;
    segment.flags = GNTCOPY_source_gref;
  }
  return xengnttab_grant_copy(handle_.get(), static_cast<std::uint32_t>(segments.size()), segments.data()) ==
             0 &&
         std::ranges::all_of(segments, [](const auto& each) { return each.status == GNTST_okay; });
}

// To be read.
bool Grants::maps(std::span<const std::uint32_t> refs) const {
  std::vector<std::uint32_t> numbers(refs.begin(), refs.end());
  const auto count = static_cast<std::uint32_t>(numbers.size());
  void* const at =
      xengnttab_map_domain_grant_refs(handle_.get(), count, domain_.value, numbers.data(), PROT_READ);
  if (at != nullptr) xengnttab_unmap(handle_.get(), at, count);
  return at != nullptr;
}

}  // namespace vmitap::backend::xen
