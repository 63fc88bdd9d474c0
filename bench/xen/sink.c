/* SPDX-License-Identifier: MIT */
/* In a guest: takes what comes over TCP, one connection after another, and says one byte when all of one is there. Usage: sink PORT */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char bytes[1 << 16];
	const int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "")) };

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (!address.sin_port || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 8)) {
		perror("sink");
		return 1;
	}
	for (;;) {
		const int peer = accept(listener, NULL, NULL);
		ssize_t came;

		if (peer < 0)
			continue;
		while ((came = read(peer, bytes, sizeof(bytes))) > 0)
			;
		if (came == 0 && write(peer, "!", 1) != 1)
			perror("sink");
		close(peer);
	}
}
