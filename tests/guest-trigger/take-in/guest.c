/* SPDX-License-Identifier: MIT */
/* A project of somebody else's. Exits with 0 if it has become a guest. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vmitap/mark.h>
#include <vmitap/trigger.h>

static int counter;
VMITAP_MARK(counter);

int main(void)
{
	char line[512], socket[64];
	FILE *sockets = fopen("/proc/net/unix", "r");

	counter++;
	VMITAP_TRIGGER(counted, counter);
	snprintf(socket, sizeof(socket), "@vmitap/guest/%d\n", getpid());
	while (sockets && fgets(line, sizeof(line), sockets))
		if (strstr(line, socket))
			return 0;
	fprintf(stderr, "no socket of the agent's\n");
	return 1;
}
