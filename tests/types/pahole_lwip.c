// SPDX-License-Identifier: MIT
// Headers of lwIP, for pahole_test.py.
#include <lwip/tcp.h>
#include <lwip/udp.h>
#include <lwip/raw.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/stats.h>
#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/priv/memp_priv.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <lwip/prot/dhcp.h>
#include <lwip/prot/dns.h>
#include <lwip/prot/icmp.h>
#include <lwip/prot/nd6.h>
#include <lwip/prot/igmp.h>
#include <lwip/prot/autoip.h>
#include <lwip/api.h>
#include <lwip/tcpip.h>
#include <lwip/sockets.h>
#include <netif/etharp.h>
#include <netif/ppp/ppp.h>
#include <netif/ppp/fsm.h>

