/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* The kernel strikes the TSC off this list when it finds processors that disagree. */
static bool kernel_trusts_tsc(void)
{
	char sources[128] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/available_clocksource", O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return true; /* no /sys here: the processor's word has to do */
	size = read(fd, sources, sizeof(sources) - 1);
	close(fd);
	return size > 0 && strstr(sources, "tsc");
}

enum vmitap_clock vmitap_clock_choose(void)
{
	unsigned eax, ebx, ecx, edx;
	/* AMD64 Architecture Programmer's Manual vol. 3, E.4.7, and Intel SDM vol. 3, 18.17: bit 8 is "invariant". */
	bool invariant = __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) && (edx & (1u << 8));

	return invariant && kernel_trusts_tsc() ? VMITAP_CLOCK_TSC : VMITAP_CLOCK_MONOTONIC;
}
#else
enum vmitap_clock vmitap_clock_choose(void)
{
	return VMITAP_CLOCK_MONOTONIC;
}
#endif
