/* SPDX-License-Identifier: MIT */
/* What the benchmarks capture and encode: a TCP connection as a stack keeps it. */
#ifndef VMITAP_BENCH_SUBJECT_H
#define VMITAP_BENCH_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum connection_state {
	CLOSED,
	LISTEN,
	SYN_SENT,
	SYN_RECEIVED,
	ESTABLISHED,
	FIN_WAIT_1,
	FIN_WAIT_2,
	CLOSE_WAIT,
	CLOSING,
	LAST_ACK,
	TIME_WAIT,
};

struct endpoint {
	uint32_t address;
	uint16_t port;
	uint8_t ttl;
	uint8_t tos;
};

struct connection {
	struct connection *next;
	struct endpoint local;
	struct endpoint remote;
	enum connection_state state;
	unsigned nodelay : 1;
	unsigned keepalive : 1;
	unsigned sack_permitted : 1;
	unsigned send_scale : 4;
	unsigned receive_scale : 4;
	unsigned congestion_state : 3;
	int retransmits : 5;
	bool is_passive;
	bool is_app_limited;
	uint16_t mss;
	int16_t rtt_timer;
	int32_t rto_us;
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t snd_wnd;
	uint32_t snd_wl1;
	uint32_t snd_wl2;
	uint32_t snd_buf;
	uint32_t rcv_nxt;
	uint32_t rcv_wnd;
	uint32_t rcv_announced;
	uint32_t cwnd;
	uint32_t ssthresh;
	uint32_t srtt_us;
	uint32_t rttvar_us;
	uint32_t min_rtt_us;
	uint32_t packets_out;
	uint32_t sacked_out;
	uint32_t lost_out;
	uint32_t retrans_out;
	uint32_t duplicate_acks;
	uint32_t total_retransmits;
	uint64_t bytes_acked;
	uint64_t bytes_received;
	uint64_t segments_out;
	uint64_t segments_in;
	uint64_t created_ns;
	double delivery_rate;
	uint32_t rtt_history[8];
	char congestion_control[16];
};

/* Never called: DWARF keeps the type for its sake. */
uint32_t connection_window(const struct connection *connection);

#ifdef __cplusplus
}
#endif

#endif /* VMITAP_BENCH_SUBJECT_H */
