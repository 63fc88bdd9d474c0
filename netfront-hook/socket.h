/* SPDX-License-Identifier: GPL-2.0 */
/* The established TCP socket that a packet belongs to. */
#ifndef NETFRONT_HOOK_SOCKET_H
#define NETFRONT_HOOK_SOCKET_H

#include "packet.h"

struct sk_buff;
struct tcp_sock;

/* Of a packet that arrived at device: NULL or a reference, which socket_put() gives back. */
struct tcp_sock *socket_receiving(const struct packet *packet, const struct net_device *device);
void socket_put(struct tcp_sock *socket);

/* Of a packet on its way out, whose own reference keeps it: NULL or the socket. */
struct tcp_sock *socket_sending(const struct sk_buff *skb);

#endif /* NETFRONT_HOOK_SOCKET_H */
