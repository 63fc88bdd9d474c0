// SPDX-License-Identifier: MIT
// What the program loads: libvmitap_xen.so.
#include "backend/backend.hpp"
#include "backend/xen/find.hpp"
#include "backend/xen/probe.hpp"
#include "backend/xen/xen_guest.hpp"

extern "C" __attribute__((visibility("default"))) const vmitap::backend::Backend* vmitap_backend() {
  using namespace vmitap::backend;
  static constexpr Backend kXen{.name = "xen",
                                .open = xen::XenGuest::open,
                                .seen = xen::seen_guests,
                                .check_host = xen::check_host,
                                .check_guest = xen::check_guest};
  return &kXen;
}
