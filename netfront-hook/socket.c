// SPDX-License-Identifier: GPL-2.0
#include "socket.h"

#include <linux/ipv6.h>
#include <net/inet6_hashtables.h>

struct sock *socket_find_ipv6(const struct packet *packet, const struct net_device *device)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct net *net = dev_net(device);
	struct in6_addr source, destination;

	memcpy(&source, packet->source, sizeof(source));
	memcpy(&destination, packet->destination, sizeof(destination));
	return __inet6_lookup_established(net, net->ipv4.tcp_death_row.hashinfo, &source, htons(packet->source_port),
					  &destination, packet->destination_port, device->ifindex, 0);
#else
	return NULL;
#endif
}
