/* SPDX-License-Identifier: GPL-2.0 */
/* What is watched: the state of a station, one for each thread that works it. */
#ifndef EXAMPLE_STATION_H
#define EXAMPLE_STATION_H

#include <linux/types.h>

#define STATIONS_MAX 16

enum station_phase { STATION_IDLE = 0, STATION_FILLING = 3, STATION_DRAINING = 7 };

struct station_link {
	u32 hops;
	s16 weight;
};

struct station {
	u64 step;
	u32 number;
	unsigned int urgent : 1;
	unsigned int priority : 3;
	int drift : 12;
	enum station_phase phase;
	union {
		u64 whole;
		struct {
			u32 low;
			u16 middle;
			u8 high[2];
		} parts;
	} word;
	s32 levels[4];
	const struct station_link *link;
	char label[12];
};

extern struct station stations[STATIONS_MAX];

/* Takes the station to its next step: every member is a function of number and step. Fires "station_step". */
void station_advance(struct station *station, u64 step);

#endif /* EXAMPLE_STATION_H */
