// SPDX-License-Identifier: MIT
#include "backend/xen/vif_probe.hpp"

#include <fmt/format.h>

#include "backend/xen/directory.hpp"
#include "backend/xen/packet_socket.hpp"
#include "backend/xen/probe.hpp"
#include "backend/xen/vif_find.hpp"
#include "base/error_text.hpp"

namespace vmitap::backend::xen {
namespace {

using Verdict = Check::Verdict;

Check check_driver(const Vif& vif) {
  const std::string script =
      vif.hotplug_status.empty() ? "" : fmt::format(", its script says {}", vif.hotplug_status);
  if (vif.is_connected) return {"the guest's driver", Verdict::works, "connected" + script, ""};
  return {"the guest's driver", Verdict::limited, "not connected" + script,
          "nothing passes until the guest loads xen-netfront and brings its interface up"};
}

Check check_kernel(const Store& store, const DomainInfo& domain) {
  const char* const what = "reading its kernel at a packet";
  if (!Advertisement::read(store, domain.id, VMITAP_XENSTORE_KERNEL))
    return {what, Verdict::limited, "vmitap.ko is not loaded in it",
            "load it to read kernel:… at a packet; the packets themselves need nothing"};
  return {what, Verdict::works, "paused and live: dom0's network stack waits for nobody", ""};
}

}  // namespace

std::vector<Check> check_vif(std::string_view name) {
  const auto store = Store::open();
  if (!store) return {opened("xenstore", store, "")};
  const auto control = DomainControl::open();
  if (!control) return {opened("asking Xen about domains", control, "")};
  const auto found = find_vif(*store, *control, name);
  std::vector<Check> checks{opened("the interface", found, found ? found->identity.program : std::string())};
  if (!found) return checks;
  checks.push_back(check_pauses(found->domain));
  checks.push_back(check_driver(found->vif));
  checks.push_back(opened("taking its packets", PacketSocket::open(found->vif.device), "works"));
  checks.push_back(check_kernel(*store, found->domain));
  return checks;
}

}  // namespace vmitap::backend::xen
