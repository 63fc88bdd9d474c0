// SPDX-License-Identifier: MIT
// Xen's libraries, whose headers do not know of C++. (libxenctrl stands in domain_control.cpp alone.)
#pragma once

#include <cstdbool>
#include <cstdint>

extern "C" {
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xenstore.h>
}
