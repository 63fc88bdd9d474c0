/* SPDX-License-Identifier: MIT */
/*
 * A host inside of the domain, as far as one can be seen by another: attaches to a program on its control socket and
 * stays for so many seconds. Says what it was answered.
 *
 *	local_host PID SECONDS
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmitap/control_abi.h"

struct answer {
	struct vmitap_message header;
	union {
		struct vmitap_welcome welcome;
		struct vmitap_refused refused;
	};
};

static struct answer receive(int fd)
{
	struct answer answer = { 0 };

	if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.header)) {
		perror("local_host: receiving");
		exit(1);
	}
	return answer;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct {
		struct vmitap_message header;
		struct vmitap_attach body;
	} attach = { { VMITAP_ATTACH, sizeof(attach) }, { VMITAP_CONTROL_ABI_VERSION, 0 } };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), length;
	struct answer answer;

	if (argc != 3)
		return 2;
	length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, VMITAP_LOCAL_SOCKET_PREFIX "%s", argv[1]);
	if (connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length))) {
		perror("local_host: connecting");
		return 1;
	}
	answer = receive(fd);
	printf("captured by %d\n", (int)answer.welcome.captured_by);
	if (send(fd, &attach, sizeof(attach), 0) < 0)
		return 1;
	answer = receive(fd);
	if (answer.header.type == VMITAP_REFUSED) {
		printf("refused %u %d\n", answer.refused.reason, (int)answer.refused.detail);
		return 3;
	}
	printf("attached\n");
	fflush(stdout);
	sleep((unsigned)atoi(argv[2]));
	return 0;
}
