// SPDX-License-Identifier: GPL-2.0
#include "socket.h"

#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/tcp.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>

/*
 * Requests and what is left of a connection in TIME_WAIT stand in the same tables, but are no TCP sockets; nor is a raw
 * one that sends TCP, as the kernel's own does for a RST: it ends before most of what a tcp_sock has.
 */
static struct tcp_sock *whole(struct sock *sk)
{
	if (!sk || !sk_fullsock(sk) || !sk_is_tcp(sk) || sk->sk_state == TCP_LISTEN)
		return NULL;
	return tcp_sk(sk);
}

static struct inet_hashinfo *tables(const struct net *net)
{
	return net->ipv4.tcp_death_row.hashinfo;
}

static struct sock *look_up(const struct packet *packet, const struct net_device *device)
{
	struct net *net = dev_net(device);
	const int interface = device->ifindex;

	if (packet->ip_version == 4) {
		__be32 source, destination;

		memcpy(&source, packet->source, sizeof(source));
		memcpy(&destination, packet->destination, sizeof(destination));
		return __inet_lookup_established(net, tables(net), source, htons(packet->source_port), destination,
						 packet->destination_port, interface, 0);
	}
#if IS_ENABLED(CONFIG_IPV6)
	if (packet->ip_version == 6) {
		struct in6_addr source, destination;

		memcpy(&source, packet->source, sizeof(source));
		memcpy(&destination, packet->destination, sizeof(destination));
		return __inet6_lookup_established(net, tables(net), &source, htons(packet->source_port), &destination,
						  packet->destination_port, interface, 0);
	}
#endif
	return NULL;
}

struct tcp_sock *socket_receiving(const struct packet *packet, const struct net_device *device)
{
	struct sock *sk;
	struct tcp_sock *socket;

	if (packet->ip_protocol != IPPROTO_TCP || packet->fragment == PACKET_LATER_FRAGMENT)
		return NULL;
	sk = look_up(packet, device);
	socket = whole(sk);
	if (sk && !socket)
		sock_gen_put(sk);
	return socket;
}

void socket_put(struct tcp_sock *socket)
{
	if (socket)
		sock_gen_put((struct sock *)socket);
}

struct tcp_sock *socket_sending(const struct sk_buff *skb)
{
	return whole(skb->sk);
}
