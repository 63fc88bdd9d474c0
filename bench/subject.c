/* SPDX-License-Identifier: MIT */
#include "subject.h"

uint32_t connection_window(const struct connection *connection)
{
	return connection->cwnd < connection->snd_wnd ? connection->cwnd : connection->snd_wnd;
}
