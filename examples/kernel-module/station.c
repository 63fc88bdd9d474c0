// SPDX-License-Identifier: GPL-2.0
#include "station.h"

#include <linux/kernel.h>
#include <linux/percpu.h>
#include <vmitap/mark.h>
#include <vmitap/trigger.h>

struct station stations[STATIONS_MAX];
VMITAP_MARK(stations);
VMITAP_MARK_AS(first_station, stations[0]);

static DEFINE_PER_CPU(u64, station_steps);
VMITAP_MARK_PER_CPU(station_steps);

static const struct station_link links[] = { { 1, -1 }, { 2, 300 }, { 5, -32768 } };

static inline void tell(struct station *station)
{
	VMITAP_TRIGGER(station_step, station->number, station->step, station);
}

void station_advance(struct station *station, u64 step)
{
	static const enum station_phase phases[] = { STATION_IDLE, STATION_FILLING, STATION_DRAINING };
	unsigned int i;

	station->step = step;
	station->urgent = step & 1;
	station->priority = step % 8;
	station->drift = (int)(step % 4096) - 2048;
	station->phase = phases[step % ARRAY_SIZE(phases)];
	station->word.whole = step * 0x9e3779b97f4a7c15ull + station->number;
	for (i = 0; i < ARRAY_SIZE(station->levels); i++)
		station->levels[i] = (s32)step * (i % 2 ? -1 : 1) + (s32)i;
	station->link = &links[step % ARRAY_SIZE(links)];
	snprintf(station->label, sizeof(station->label), "s%u.%llu", station->number, step % 100000);
	this_cpu_inc(station_steps);
	tell(station);
}
