// SPDX-License-Identifier: MIT
#include "backend/xen/ioctls.hpp"

#include <sys/ioctl.h>

#include <cstdint>
extern "C" {
#include <xenctrl.h>  // first of Xen's: the others lean on it
// clang-format off
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>
#include <xen/sys/privcmd.h>
// clang-format on
}

namespace vmitap::backend::xen {

std::vector<unsigned long> xen_ioctls() {
  return {IOCTL_PRIVCMD_HYPERCALL,
          IOCTL_PRIVCMD_MMAP,
          IOCTL_PRIVCMD_MMAPBATCH,
          IOCTL_PRIVCMD_MMAPBATCH_V2,
          IOCTL_GNTDEV_MAP_GRANT_REF,
          IOCTL_GNTDEV_UNMAP_GRANT_REF,
          IOCTL_GNTDEV_SET_UNMAP_NOTIFY,
          IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
          IOCTL_GNTDEV_GRANT_COPY,
          IOCTL_EVTCHN_UNBIND,
          IOCTL_EVTCHN_NOTIFY};
}

std::vector<unsigned long> hypercall_ioctls() { return {IOCTL_PRIVCMD_HYPERCALL}; }

}  // namespace vmitap::backend::xen
