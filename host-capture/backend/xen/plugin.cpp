// SPDX-License-Identifier: MIT
// What the program loads: libvmitap_xen.so.
#include "backend/backend.hpp"
#include "backend/xen/find.hpp"
#include "backend/xen/probe.hpp"
#include "backend/xen/vif_guest.hpp"
#include "backend/xen/vif_probe.hpp"
#include "backend/xen/xen_guest.hpp"

namespace vmitap::backend::xen {
namespace {

// "web/vif0" is the domain's interface as dom0 has it, anything else its kernel or a program in it.
Result<std::unique_ptr<Guest>> open(std::string_view name) {
  return vif_number(name) ? VifGuest::open(name) : XenGuest::open(name);
}

std::vector<Check> check(std::string_view name) {
  return vif_number(name) ? check_vif(name) : check_guest(name);
}

}  // namespace
}  // namespace vmitap::backend::xen

extern "C" __attribute__((visibility("default"))) const vmitap::backend::Backend* vmitap_backend() {
  using namespace vmitap::backend;
  static constexpr Backend kXen{.name = "xen",
                                .open = xen::open,
                                .seen = xen::seen_guests,
                                .check_host = xen::check_host,
                                .check_guest = xen::check};
  return &kXen;
}
