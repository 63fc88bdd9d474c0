/* SPDX-License-Identifier: MIT */
#include "descriptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HIGH = 960, HEADROOM = 64 };

struct vmitap_descriptor vmitap_descriptor_keep(int fd)
{
	struct vmitap_descriptor kept = { .fd = fd };
	struct rlimit limit;
	struct stat status;
	int high = HIGH;

	if (fd < 0)
		return kept;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 2 * HEADROOM) {
		if (limit.rlim_cur < HIGH + HEADROOM)
			high = (int)limit.rlim_cur - HEADROOM;
		high = fcntl(fd, F_DUPFD_CLOEXEC, high);
		if (high >= 0) {
			close(fd);
			kept.fd = high;
		}
	}
	if (fstat(kept.fd, &status) == 0) {
		kept.device = status.st_dev;
		kept.inode = status.st_ino;
	}
	return kept;
}

bool vmitap_descriptor_is_ours(const struct vmitap_descriptor *descriptor)
{
	struct stat status;

	return descriptor->fd >= 0 && fstat(descriptor->fd, &status) == 0 && status.st_dev == descriptor->device &&
	       status.st_ino == descriptor->inode;
}

void vmitap_descriptor_close(struct vmitap_descriptor *descriptor)
{
	if (vmitap_descriptor_is_ours(descriptor))
		close(descriptor->fd);
	descriptor->fd = -1;
}
