// SPDX-License-Identifier: MIT
// Compiles, or the build fails.
#include "vmitap/barrier.h"
#include "vmitap/control_abi.h"
#include "vmitap/packet_abi.h"
#include "vmitap/packet_headers.h"
#include "vmitap/ring_consumer.hpp"
#include "vmitap/ring_layout.h"
#include "vmitap/ring_producer.h"
#include "vmitap/ring_sync.h"
