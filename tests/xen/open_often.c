// SPDX-License-Identifier: MIT
/*
 * Usage: open_often USER COUNT SECONDS
 * As that user, makes so many channels of /dev/vmitap, each in a child of its own that hands its file on and ends, so that it is
 * known no more; prints how many there were and why there was no other, and keeps them so long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vmitap/device_abi.h>

static union {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
} control;
static int told;
static struct iovec part = { &told, sizeof told };

static struct msghdr message(void)
{
	return (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
}

static int open_channel(int *file)
{
	struct vmitap_device_channel wanted = {
		.abi_version = VMITAP_DEVICE_ABI_VERSION,
		.rings = 1,
		.slots_per_ring = VMITAP_SLOTS_PER_RING_MIN,
		.catalog_pages = 1,
		.name = "open_often",
	};

	*file = open(VMITAP_DEVICE_PATH, O_RDWR);
	return *file < 0 || ioctl(*file, VMITAP_DEVICE_OPEN, &wanted) ? errno : 0;
}

/* The child's part. */
static void make_one(int socket)
{
	struct msghdr packet = message();
	int file;

	told = open_channel(&file);
	packet.msg_controllen = told ? 0 : sizeof control;
	if (!told) {
		struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);

		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof file);
		memcpy(CMSG_DATA(rights), &file, sizeof file);
	}
	_exit(sendmsg(socket, &packet, 0) < 0);
}

int main(int argc, char **argv)
{
	int sockets[2], made = 0, count;

	if (argc != 4 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) || setuid((uid_t)atoi(argv[1])))
		return 2;
	for (count = atoi(argv[2]); made < count && !told; made += !told) {
		struct msghdr packet = message();
		int status;

		if (fork() == 0)
			make_one(sockets[1]);
		if (recvmsg(sockets[0], &packet, 0) < 0 || wait(&status) < 0 || status)
			return 2;
	}
	printf("%d, then %s\n", made, told ? strerror(told) : "enough");
	fflush(stdout);
	sleep((unsigned)atoi(argv[3]));
	return 0;
}
