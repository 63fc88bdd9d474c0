/* SPDX-License-Identifier: MIT */
/*
 * One end of a TCP transfer over lwIP. `make demo` runs two: the sender is vmitap's guest, and each
 * TCP segment that passes fires the trigger tcp_segment with the connection's struct tcp_pcb.
 */
#include <errno.h>
#include <getopt.h>
#include <lwip/api.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/tcp.h>
#include <lwip/tcpip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "vmitap/mark.h"
#include "vmitap/trigger.h"

enum { PORT = 5001, CHUNK = 8192 };

enum segment_direction { SEGMENT_SENT, SEGMENT_RECEIVED };

/* What the transfer has come to; read from outside at any time. */
static struct transfer {
	u64_t bytes_done;
	u64_t bytes_total;
	u32_t segments_sent;
	u32_t segments_received;
	u32_t segments_retransmitted;
} transfer;
VMITAP_MARK(transfer);

static FILE *oracle; /* --log: the guest's own account, one line a trigger */
static u32_t highest_sent;

/* The connection that a segment belongs to, by its ports; NULL if there is none (any more). */
static const struct tcp_pcb *connection_of(u16_t local_port, u16_t remote_port)
{
	const struct tcp_pcb *pcb;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
		if (pcb->local_port == local_port && pcb->remote_port == remote_port)
			return pcb;
	for (pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
		if (pcb->local_port == local_port && pcb->remote_port == remote_port)
			return pcb;
	return NULL;
}

static void on_segment(const struct pbuf *packet, int received)
{
	enum segment_direction direction = received ? SEGMENT_RECEIVED : SEGMENT_SENT;
	const struct tcp_pcb *pcb;
	struct tcp_hdr tcp;
	struct ip_hdr ip;
	u32_t seqno, ackno;
	u16_t length, source, destination;

	if (pbuf_copy_partial(packet, &ip, sizeof(ip), 0) != sizeof(ip) || IPH_PROTO(&ip) != IP_PROTO_TCP)
		return;
	if (pbuf_copy_partial(packet, &tcp, sizeof(tcp), IPH_HL_BYTES(&ip)) != sizeof(tcp))
		return;
	source = lwip_ntohs(tcp.src);
	destination = lwip_ntohs(tcp.dest);
	seqno = lwip_ntohl(tcp.seqno);
	ackno = lwip_ntohl(tcp.ackno);
	length = (u16_t)(packet->tot_len - IPH_HL_BYTES(&ip) - TCPH_HDRLEN_BYTES(&tcp));
	pcb = received ? connection_of(destination, source) : connection_of(source, destination);

	if (received) {
		transfer.segments_received++;
	} else {
		transfer.segments_sent++;
		if (length && highest_sent && (s32_t)(seqno - highest_sent) < 0)
			transfer.segments_retransmitted++;
		if (length && (!highest_sent || (s32_t)(seqno + length - highest_sent) > 0))
			highest_sent = seqno + length;
	}
	if (oracle && pcb)
		fprintf(oracle, "%d %u %u %u %u %u %u %d %d\n", received, seqno, pcb->cwnd, pcb->ssthresh,
			pcb->snd_nxt, pcb->lastack, pcb->snd_wnd, pcb->rto, pcb->state);
	VMITAP_TRIGGER(tcp_segment, pcb, direction, seqno, ackno, length);
}

static void die(const char *what, err_t error)
{
	fprintf(stderr, "peer: %s: lwIP error %d\n", what, error);
	exit(1);
}

static void send_all(const ip_addr_t *to)
{
	static u8_t chunk[CHUNK];
	struct netconn *connection = netconn_new(NETCONN_TCP);
	size_t size;
	unsigned i;
	err_t error;

	for (i = 0; i < CHUNK; i++)
		chunk[i] = (u8_t)(i * 31);
	error = netconn_connect(connection, to, PORT);
	if (error != ERR_OK)
		die("connect", error);
	while (transfer.bytes_done < transfer.bytes_total) {
		size = transfer.bytes_total - transfer.bytes_done;
		if (size > CHUNK)
			size = CHUNK;
		error = netconn_write(connection, chunk, size, NETCONN_COPY);
		if (error != ERR_OK)
			die("write", error);
		transfer.bytes_done += size;
	}
	netconn_close(connection);
	netconn_delete(connection);
	usleep(500000); /* the last segments and the FINs pass */
}

static void receive_all(void)
{
	struct netconn *listener = netconn_new(NETCONN_TCP);
	struct netconn *connection;
	struct netbuf *buffer;
	err_t error;

	netconn_bind(listener, IP_ADDR_ANY, PORT);
	netconn_listen(listener);
	error = netconn_accept(listener, &connection);
	if (error != ERR_OK)
		die("accept", error);
	while (netconn_recv(connection, &buffer) == ERR_OK) {
		transfer.bytes_done += netbuf_len(buffer);
		netbuf_delete(buffer);
	}
	netconn_close(connection);
	netconn_delete(connection);
	netconn_delete(listener);
	usleep(500000);
}

static void usage(FILE *out)
{
	fputs("usage: lwip-peer (--send BYTES | --receive) --own PATH --peer PATH [options]\n"
	      "One end of a TCP transfer over lwIP and an emulated line.\n\n"
	      "  --loss SHARE     packets lost on the way out (default 0)\n"
	      "  --delay MS       one way (default 10)\n"
	      "  --rate BYTES/S   of the line (default 1500000)\n"
	      "  --queue PACKETS  that wait for the line at most (default 40)\n"
	      "  --seed N         of the losses (default 1)\n"
	      "  --log FILE       write what each trigger saw, for comparison\n"
	      "  --on-enter       begin when a line arrives on standard input\n", out);
}

int main(int argc, char **argv)
{
	enum { SEND = 1, RECEIVE, OWN, PEER, LOSS, DELAY, RATE, QUEUE, SEED, LOG, ON_ENTER, HELP };
	static const struct option options[] = {
		{ "send", required_argument, NULL, SEND },   { "receive", no_argument, NULL, RECEIVE },
		{ "own", required_argument, NULL, OWN },     { "peer", required_argument, NULL, PEER },
		{ "loss", required_argument, NULL, LOSS },   { "delay", required_argument, NULL, DELAY },
		{ "rate", required_argument, NULL, RATE },   { "queue", required_argument, NULL, QUEUE },
		{ "seed", required_argument, NULL, SEED },   { "log", required_argument, NULL, LOG },
		{ "on-enter", no_argument, NULL, ON_ENTER }, { "help", no_argument, NULL, HELP },
		{ 0 },
	};
	struct link_config config = { .delay_us = 10000, .rate = 1500000, .queue = 40, .seed = 1 };
	int sending = 0, receiving = 0, on_enter = 0, option, c;
	ip4_addr_t own, peer, mask;
	struct netif netif;
	ip_addr_t to;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case SEND:
			sending = 1;
			transfer.bytes_total = strtoull(optarg, NULL, 0);
			break;
		case RECEIVE: receiving = 1; break;
		case OWN: config.own_path = optarg; break;
		case PEER: config.peer_path = optarg; break;
		case LOSS: config.loss = atof(optarg); break;
		case DELAY: config.delay_us = (uint32_t)(atof(optarg) * 1000); break;
		case RATE: config.rate = (uint32_t)strtoul(optarg, NULL, 0); break;
		case QUEUE: config.queue = (uint32_t)strtoul(optarg, NULL, 0); break;
		case SEED: config.seed = (uint32_t)strtoul(optarg, NULL, 0); break;
		case LOG:
			oracle = fopen(optarg, "w");
			if (!oracle) {
				fprintf(stderr, "peer: %s: %s\n", optarg, strerror(errno));
				return 1;
			}
			break;
		case ON_ENTER: on_enter = 1; break;
		case 'h':
		case HELP: usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (sending == receiving || !config.own_path || !config.peer_path) {
		usage(stderr);
		return 2;
	}

	tcpip_init(NULL, NULL);
	if (link_open(&config, on_segment)) {
		fprintf(stderr, "peer: %s: %s\n", config.own_path, strerror(errno));
		return 1;
	}
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&own, 10, 0, 0, sending ? 1 : 2);
	IP4_ADDR(&peer, 10, 0, 0, sending ? 2 : 1);
	LOCK_TCPIP_CORE();
	netif_add(&netif, &own, &mask, &peer, NULL, link_netif_init, tcpip_input);
	netif_set_default(&netif);
	netif_set_up(&netif);
	UNLOCK_TCPIP_CORE();

	if (on_enter)
		while ((c = getchar()) != '\n' && c != EOF)
			;
	if (sending) {
		ip_addr_copy_from_ip4(to, peer);
		send_all(&to);
	} else {
		receive_all();
	}
	if (oracle)
		fclose(oracle);
	printf("%s %llu bytes, %u segments out (%u again), %u in; the line lost %llu and dropped %llu\n",
	       sending ? "sent" : "received", (unsigned long long)transfer.bytes_done, transfer.segments_sent,
	       transfer.segments_retransmitted, transfer.segments_received,
	       (unsigned long long)link_counters().lost, (unsigned long long)link_counters().queue_dropped);
	fflush(stdout);
	_exit(0); /* lwIP's threads have no way to end */
}
