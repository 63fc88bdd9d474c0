/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <errno.h>
#include <lwip/ip.h>
#include <lwip/pbuf.h>
#include <lwip/tcpip.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LINK_MTU = 1500, LINE_LENGTH = 4096 };

struct packet {
	uint64_t due_ns; /* when it reaches the other end */
	uint16_t size;
	uint8_t bytes[LINK_MTU];
};

static struct {
	struct link_config config;
	link_segment_fn on_segment;
	int socket;
	struct sockaddr_un peer;
	struct netif *netif;
	pthread_t delivering, receiving;

	/* The line: packets under way, in order of due_ns. */
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct packet line[LINE_LENGTH];
	unsigned head, tail;
	uint64_t line_free_ns; /* when the line has sent what it was given */
	uint64_t random;
	atomic_int closing;
	struct link_counters counters;
} link_state = { .socket = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* xorshift64*: the same seed loses the same packets. */
static double next_random(void)
{
	uint64_t x = link_state.random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	link_state.random = x;
	return (double)((x * 0x2545f4914f6cdd1dull) >> 11) / (double)(1ull << 53);
}

static uint64_t serialisation_ns(uint32_t bytes)
{
	return link_state.config.rate ? (uint64_t)bytes * 1000000000u / link_state.config.rate : 0;
}

/* Puts a packet on the line, unless its queue is full or the packet is one of those that get lost. */
static void line_put(const struct pbuf *p)
{
	struct packet *packet;
	uint64_t now = now_ns(), start;
	uint64_t waiting;

	pthread_mutex_lock(&link_state.lock);
	start = link_state.line_free_ns > now ? link_state.line_free_ns : now;
	waiting = serialisation_ns(LINK_MTU) ? (start - now) / serialisation_ns(LINK_MTU) : 0;
	if (waiting >= link_state.config.queue || link_state.head - link_state.tail == LINE_LENGTH) {
		link_state.counters.queue_dropped++;
	} else {
		link_state.line_free_ns = start + serialisation_ns(p->tot_len);
		if (next_random() < link_state.config.loss) {
			link_state.counters.lost++;
		} else {
			packet = &link_state.line[link_state.head++ % LINE_LENGTH];
			packet->due_ns = link_state.line_free_ns + link_state.config.delay_us * 1000ull;
			packet->size = pbuf_copy_partial(p, packet->bytes, LINK_MTU, 0);
			link_state.counters.sent++;
			pthread_cond_signal(&link_state.filled);
		}
	}
	pthread_mutex_unlock(&link_state.lock);
}

static err_t link_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *next_hop)
{
	(void)netif;
	(void)next_hop;
	line_put(p);
	link_state.on_segment(p, 0);
	return ERR_OK;
}

/* Runs on the stack's thread: the trigger sees the connection as this segment left it. */
static err_t stack_input(struct pbuf *p, struct netif *netif)
{
	struct pbuf *header = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
	err_t error = ip_input(p, netif);

	if (header) {
		link_state.on_segment(header, 1);
		pbuf_free(header);
	}
	return error;
}

static void *deliver(void *unused)
{
	struct timespec until;
	struct packet *packet;

	(void)unused;
	pthread_mutex_lock(&link_state.lock);
	while (!atomic_load(&link_state.closing)) {
		if (link_state.head == link_state.tail) {
			pthread_cond_wait(&link_state.filled, &link_state.lock);
			continue;
		}
		packet = &link_state.line[link_state.tail % LINE_LENGTH];
		pthread_mutex_unlock(&link_state.lock);
		until.tv_sec = (time_t)(packet->due_ns / 1000000000u);
		until.tv_nsec = (long)(packet->due_ns % 1000000000u);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
			;
		/* A peer that is not there yet, or no more, is a line that is cut: the packet is lost. */
		(void)!sendto(link_state.socket, packet->bytes, packet->size, 0,
			      (struct sockaddr *)&link_state.peer, sizeof(link_state.peer));
		pthread_mutex_lock(&link_state.lock);
		link_state.tail++;
	}
	pthread_mutex_unlock(&link_state.lock);
	return NULL;
}

static void *receive(void *unused)
{
	uint8_t bytes[LINK_MTU];
	struct pbuf *p;
	ssize_t size;

	(void)unused;
	while (!atomic_load(&link_state.closing)) {
		size = recv(link_state.socket, bytes, sizeof(bytes), 0);
		if (size <= 0 || !link_state.netif)
			continue;
		p = pbuf_alloc(PBUF_RAW, (u16_t)size, PBUF_RAM);
		if (!p)
			continue;
		pbuf_take(p, bytes, (u16_t)size);
		if (tcpip_inpkt(p, link_state.netif, stack_input) != ERR_OK)
			pbuf_free(p);
	}
	return NULL;
}

static int set_path(struct sockaddr_un *address, const char *path)
{
	if (strlen(path) >= sizeof(address->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	return 0;
}

int link_open(const struct link_config *config, link_segment_fn on_segment)
{
	struct sockaddr_un own = { 0 };
	pthread_condattr_t attributes;

	link_state.config = *config;
	link_state.on_segment = on_segment;
	link_state.random = config->seed * 0x9e3779b97f4a7c15ull + 1;
	if (set_path(&own, config->own_path) || set_path(&link_state.peer, config->peer_path))
		return -1;
	link_state.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (link_state.socket < 0)
		return -1;
	unlink(config->own_path);
	if (bind(link_state.socket, (struct sockaddr *)&own, sizeof(own)))
		return -1;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&link_state.filled, &attributes);
	errno = pthread_create(&link_state.delivering, NULL, deliver, NULL);
	if (errno)
		return -1;
	errno = pthread_create(&link_state.receiving, NULL, receive, NULL);
	return errno ? -1 : 0;
}

void link_close(void)
{
	atomic_store(&link_state.closing, 1);
	pthread_cond_signal(&link_state.filled);
	shutdown(link_state.socket, SHUT_RDWR);
	pthread_join(link_state.delivering, NULL);
	pthread_join(link_state.receiving, NULL);
	close(link_state.socket);
	unlink(link_state.config.own_path);
}

struct link_counters link_counters(void)
{
	struct link_counters counters;

	pthread_mutex_lock(&link_state.lock);
	counters = link_state.counters;
	pthread_mutex_unlock(&link_state.lock);
	return counters;
}

err_t link_netif_init(struct netif *netif)
{
	netif->name[0] = 'l';
	netif->name[1] = 'k';
	netif->mtu = LINK_MTU;
	netif->output = link_output;
	netif->flags = NETIF_FLAG_LINK_UP;
	link_state.netif = netif;
	return ERR_OK;
}
