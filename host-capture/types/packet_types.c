// SPDX-License-Identifier: MIT
// Compiled for its BTF alone: the compiler says what struct packet is (packet_catalog.cpp).
#include "vmitap/packet_abi.h"

struct packet vmitap_packet;
