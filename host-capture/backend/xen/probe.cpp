// SPDX-License-Identifier: MIT
#include "backend/xen/probe.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "backend/xen/capture_lock.hpp"
#include "backend/xen/catalog.hpp"
#include "backend/xen/find.hpp"
#include "backend/xen/frame_cache.hpp"
#include "backend/xen/pause_ledger.hpp"

namespace vmitap::backend::xen {
namespace {

using Verdict = Check::Verdict;

}  // namespace

// Ours, among the pauses of a domain. Whose the others are Xen does not tell.
Check check_pauses(const DomainInfo& domain) {
  const auto held = held_pauses();
  const auto ours = std::ranges::find(held, domain.id, &HeldPause::domain);
  if (ours != held.end() && !ours->owner_lives)
    return {"pauses", Verdict::fails, fmt::format("paused by vmitap process {}, which is dead", ours->owner),
            "start any vmitap capture of a Xen domain: it gives the pause back"};
  if (ours != held.end())
    return {"pauses", Verdict::works, fmt::format("paused by vmitap process {} just now", ours->owner), ""};
  if (domain.paused)
    return {"pauses", Verdict::limited, "paused, but not by vmitap",
            fmt::format("xl unpause {} lets it run again, if you want that", domain.id.value),
            "no trigger in the domain fires until it is unpaused"};
  return {"pauses", Verdict::works, "runs; vmitap holds no pause of it", ""};
}

std::vector<Check> check_host() {
  if (::access("/proc/xen", F_OK) != 0 && ::access("/sys/hypervisor/type", F_OK) != 0) return {};
  std::vector<Check> checks;
  checks.push_back(opened("xenstore", Store::open(), "answers"));
  const auto control = DomainControl::open();
  if (control) {
    const auto domains = control->domains();
    checks.push_back(opened("asking Xen about domains (libxenctrl)", domains,
                            domains ? fmt::format("{} besides dom0", domains->size()) : ""));
  } else {
    checks.push_back(opened("asking Xen about domains (libxenctrl)", control, ""));
  }
  checks.push_back(opened("mapping a domain's memory (libxenforeignmemory)",
                          FrameCache::open(DomId{1}, MappingShare::of_image()), "works"));
  checks.push_back(opened("mapping granted pages (libxengnttab)", Grants::open(DomId{1}), "works"));
  checks.push_back(opened("a place for what Xen says of pauses (/dev/xen/hypercall)",
                          map_hypercall_pages(sizeof(PauseCall)), "works"));
  auto privcmd = open_privcmd();
  if (privcmd) {
    const Fd fd(*privcmd);
    const auto time = system_time(fd.get());
    checks.push_back(opened("pausing domains and telling the time (privcmd)", time,
                            time ? fmt::format("Xen runs since {} s", *time / 1'000'000'000) : ""));
  } else {
    checks.push_back(opened("pausing domains and telling the time (privcmd)", privcmd, ""));
  }
  return checks;
}

std::vector<Check> check_guest(std::string_view name) {
  const auto store = Store::open();
  if (!store) return {opened("xenstore", store, "")};
  const auto control = DomainControl::open();
  if (!control) return {opened("asking Xen about domains", control, "")};
  const auto domain = find_domain(*store, *control, name.substr(0, name.find('/')));
  if (!domain) return {opened("the domain", domain, "")};
  std::vector<Check> checks{{"the domain", Verdict::works,
                             fmt::format("{}, domain {}, {}", name_of(*store, domain->id), domain->id.value,
                                         domain->hvm ? "PVH or HVM" : "PV"),
                             ""}};
  checks.push_back(check_pauses(*domain));
  const auto found = find_guest(*store, *control, name);
  checks.push_back(
      opened("vmitap in the guest", found,
             found ? fmt::format("offers channel {} in xenstore", found->advertised.channel) : ""));
  if (!found) return checks;
  auto grants = Grants::open(domain->id);
  if (!grants) {
    checks.push_back(opened("mapping granted pages", grants, ""));
    return checks;
  }
  const auto directory = Directory::read(*grants, found->advertised.directory);
  checks.push_back(
      opened("its directory of pages", directory,
             directory ? fmt::format("{} pages of rings", directory->regions().guest.size()) : ""));
  if (!directory) return checks;
  const auto catalog = read_catalog(*grants, *directory);
  checks.push_back(opened("its catalog", catalog,
                          catalog ? fmt::format("{} triggers and marks in {} objects", catalog->sites.size(),
                                                catalog->modules.size())
                                  : ""));
  const auto captured = captured_by(domain->id, found->advertised.channel);
  checks.push_back({"free to be captured", captured == 0 ? Verdict::works : Verdict::limited,
                    captured == 0 ? "nobody captures it" : fmt::format("process {} captures it", captured),
                    captured == 0 ? "" : "end that capture first: one at a time"});
  return checks;
}

}  // namespace vmitap::backend::xen
