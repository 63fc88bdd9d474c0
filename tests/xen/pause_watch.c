// SPDX-License-Identifier: MIT
/*
 * pause_watch DOMID: looks every millisecond whether the domain is paused, until its standard input ends. Then
 * prints the longest time, in ms, for which it was found paused at each look: what a pause that was left behind
 * would show.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <xenctrl.h>

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	const uint32_t domid = argc == 2 ? (uint32_t)atoi(argv[1]) : 0;
	xc_interface *xen = xc_interface_open(NULL, NULL, 0);
	double longest = 0, since = 0;
	long looks = 0, found = 0;

	if (!domid || !xen) {
		fprintf(stderr, "usage: pause_watch DOMID, in dom0\n");
		return 2;
	}
	for (;;) {
		struct pollfd input = { .fd = 0, .events = POLLIN };
		xc_dominfo_t info;

		if (poll(&input, 1, 1) == 1 && read(0, &(char){ 0 }, 1) <= 0)
			break;
		if (xc_domain_getinfo(xen, domid, 1, &info) != 1 || info.domid != domid) {
			fprintf(stderr, "pause_watch: domain %u went away\n", domid);
			return 1;
		}
		looks++;
		if (!info.paused) {
			since = 0;
			continue;
		}
		found++;
		if (since == 0)
			since = now_ms();
		if (now_ms() - since > longest)
			longest = now_ms() - since;
	}
	printf("%.0f ms; paused at %ld of %ld looks\n", longest, found, looks);
	return 0;
}
