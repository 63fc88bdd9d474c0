// SPDX-License-Identifier: MIT
/*
 * unpause_often DOMID: takes back whatever pause the domain has, as often as it can, until its standard input ends. Then
 * prints how often there was one.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xenctrl.h>

int main(int argc, char **argv)
{
	const uint32_t domid = argc == 2 ? (uint32_t)atoi(argv[1]) : 0;
	/* What cannot be unpaused would be logged each time. */
	xentoollog_logger *quiet = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
	xc_interface *xen = xc_interface_open(quiet, quiet, 0);
	struct pollfd input = { .fd = 0, .events = POLLIN };
	long taken = 0;

	if (!domid || !xen) {
		fprintf(stderr, "usage: unpause_often DOMID, in dom0\n");
		return 2;
	}
	while (poll(&input, 1, 0) == 0)
		taken += xc_domain_unpause(xen, domid) == 0;
	printf("%ld\n", taken);
	xc_interface_close(xen);
	return 0;
}
