/* SPDX-License-Identifier: MIT */
/*
 * A point-to-point link between two processes that run lwIP each: IP packets as datagrams of a
 * Unix socket, with the rate, queue, delay and loss of a real line emulated on the sending side.
 */
#ifndef LWIP_DEMO_LINK_H
#define LWIP_DEMO_LINK_H

#include <lwip/netif.h>
#include <stdint.h>

struct link_config {
	const char *own_path;  /* where this end receives; created, and unlinked by link_close() */
	const char *peer_path; /* where the other end receives */
	double loss;	       /* share of packets lost on the way, 0 to 1 */
	uint32_t delay_us;     /* one way */
	uint32_t rate;	       /* bytes per second; 0: unlimited */
	uint32_t queue;	       /* packets that wait for the line at most; more are dropped */
	uint32_t seed;	       /* of the losses */
};

struct link_counters {
	uint64_t sent, lost, queue_dropped;
};

/* Called on the stack's thread for each TCP segment that passes, after the stack has seen it. */
typedef void (*link_segment_fn)(const struct pbuf *packet, int received);

/* Creates the socket and starts the two threads of the link. 0, or -1 with errno. */
int link_open(const struct link_config *config, link_segment_fn on_segment);
void link_close(void);
struct link_counters link_counters(void);

/* For netif_add(). */
err_t link_netif_init(struct netif *netif);

#endif
