/* SPDX-License-Identifier: GPL-2.0 */
/* The established TCP socket that a packet belongs to. */
#ifndef NETFRONT_HOOK_SOCKET_H
#define NETFRONT_HOOK_SOCKET_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>
#include <vmitap/packet_abi.h>

/* Look for it in the kernel's tables: NULL or a reference. IPv4 has no call of its own, as it is done for each packet. */
struct sock *socket_find_ipv6(const struct packet *packet, const struct net_device *device);
static inline struct sock *socket_find_ipv4(const struct packet *packet, const struct net_device *device)
{
	struct net *net = dev_net(device);
	__be32 source, destination;

	memcpy(&source, packet->source, sizeof(source));
	memcpy(&destination, packet->destination, sizeof(destination));
	return __inet_lookup_established(net, net->ipv4.tcp_death_row.hashinfo, source, htons(packet->source_port),
					 destination, packet->destination_port, device->ifindex, 0);
}

/* Of a packet that arrived at device: NULL or a reference, which socket_put() gives back. */
static inline struct tcp_sock *socket_receiving(const struct packet *packet, const struct net_device *device)
{
	struct sock *sk;

	if (packet->ip_protocol != IPPROTO_TCP || packet->fragment == PACKET_LATER_FRAGMENT)
		return NULL;
	sk = packet->ip_version == 4 ? socket_find_ipv4(packet, device) : socket_find_ipv6(packet, device);
	/* Requests and what is left of a connection in TIME_WAIT stand in the same tables, but are no TCP sockets. */
	if (sk && unlikely(!sk_fullsock(sk))) {
		sock_gen_put(sk);
		return NULL;
	}
	return (struct tcp_sock *)sk;
}

static inline void socket_put(struct tcp_sock *socket)
{
	if (socket)
		sock_gen_put((struct sock *)socket);
}

/* Of a packet on its way out, whose own reference keeps it: NULL or the socket. */
static inline struct tcp_sock *socket_sending(const struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	/* A raw one sends TCP, too, as the kernel's own does for a RST: it ends before most of what a tcp_sock has. */
	if (!sk || !sk_fullsock(sk) || !sk_is_tcp(sk) || sk->sk_state == TCP_LISTEN)
		return NULL;
	return tcp_sk(sk);
}

#endif /* NETFRONT_HOOK_SOCKET_H */
