/* SPDX-License-Identifier: MIT */
/*
 * The guest of bench_end_to_end: a program with a struct that changes all the time. It hands the struct out
 * the way it is told: by firing, or through a pipe, as programs do that have no vmitap.
 */
#include "end_to_end_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "subject.h"
#include "vmitap/mark.h"
#include "vmitap/trigger.h"

static struct connection connection = {
	.local = { 0x0a000001, 443, 64, 0 },
	.remote = { 0x0a000002, 51724, 61, 0 },
	.state = ESTABLISHED,
	.nodelay = 1,
	.sack_permitted = 1,
	.send_scale = 7,
	.receive_scale = 7,
	.mss = 1448,
	.rto_us = 204000,
	.snd_wnd = 65535,
	.ssthresh = 2147483647,
	.min_rtt_us = 9870,
	.created_ns = 1700000000123456789,
	.congestion_control = "cubic",
};
VMITAP_MARK(connection);

/* One segment sent. */
static void step(void)
{
	connection.snd_una += 1448;
	connection.snd_nxt = connection.snd_una + connection.cwnd;
	connection.cwnd = 14480 + connection.snd_una / 1024 % 65536;
	connection.srtt_us = 10000 + connection.snd_una / 1448 % 5000;
	connection.rttvar_us = connection.srtt_us / 8;
	connection.rtt_history[connection.segments_out % 8] = connection.srtt_us;
	connection.packets_out = connection.cwnd / 1448;
	connection.bytes_acked += 1448;
	connection.delivery_rate = 1448.0 * connection.packets_out / connection.srtt_us;
	connection.segments_out++;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t credits(void)
{
	unsigned char bytes[256];
	const ssize_t count = read(CREDITS, bytes, sizeof(bytes));

	if (count <= 0)
		fail("end_to_end_guest: credits");
	return (uint64_t)count;
}

static void fire(uint64_t count, uint64_t window)
{
	uint64_t arrived = 0;

	for (uint64_t i = 0; i < count; i++) {
		while (window && i - arrived >= window)
			arrived += RECORDS_PER_CREDIT * credits();
		step();
		VMITAP_TRIGGER(step);
	}
	while (window && arrived < count)
		arrived += RECORDS_PER_CREDIT * credits();
}

static void pipe_buffered(uint64_t count, FILE *data)
{
	while (count--) {
		step();
		if (fwrite(&connection, sizeof(connection), 1, data) != 1)
			fail("end_to_end_guest: fwrite");
	}
	if (fflush(data) != 0)
		fail("end_to_end_guest: fflush");
}

static void pipe_each(uint64_t count, int answered)
{
	while (count--) {
		step();
		if (write(DATA, &connection, sizeof(connection)) != sizeof(connection))
			fail("end_to_end_guest: write");
		if (answered)
			credits();
	}
}

int main(void)
{
	FILE *data = fdopen(DATA, "w");
	struct command command;

	if (!data)
		fail("end_to_end_guest: fdopen");
	while (read(STDIN_FILENO, &command, sizeof(command)) == sizeof(command)) {
		connection.segments_out = 0;
		if (command.way == FIRE)
			fire(command.count, command.window);
		else if (command.way == PIPE)
			pipe_buffered(command.count, data);
		else
			pipe_each(command.count, command.way == PIPE_ANSWER);
		if (write(STDOUT_FILENO, &command.count, sizeof(command.count)) != sizeof(command.count))
			fail("end_to_end_guest: answer");
	}
	return 0;
}
