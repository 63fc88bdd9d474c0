// SPDX-License-Identifier: MIT
// Xen's libraries, whose headers do not know of C++. (libxenctrl stands in domain_control.cpp alone.)
#pragma once

#include <cstdbool>
#include <cstdint>
#include <cstdio>

extern "C" {
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xenstore.h>
#include <xenstore_lib.h>
#include <xentoollog.h>
}

namespace vmitap::backend::xen {

// What keeps the libraries from writing to stderr by themselves: their errors are told by who called them.
xentoollog_logger* quiet();

}  // namespace vmitap::backend::xen
