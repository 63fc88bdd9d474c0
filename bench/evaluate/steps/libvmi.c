// SPDX-License-Identifier: MIT
// What a person writes to see one connection's snd_cwnd with LibVMI: offsets.h has the numbers looked up by hand.
// Usage: libvmi DOMAIN PORT [SAMPLES]: prints the value, and how long one more look takes.
#include <libvmi/libvmi.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "offsets.h"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

// The established connection to that port, in the kernel's hash table of them; 0 if there is none.
static addr_t find(vmi_instance_t vmi, uint16_t port)
{
	addr_t hashinfo = 0, table = 0, node = 0;
	uint32_t mask = 0;
	uint16_t found = 0;

	if (vmi_translate_ksym2v(vmi, "tcp_hashinfo", &hashinfo) != VMI_SUCCESS ||
	    vmi_read_addr_va(vmi, hashinfo + EHASH, 0, &table) != VMI_SUCCESS ||
	    vmi_read_32_va(vmi, hashinfo + EHASH_MASK, 0, &mask) != VMI_SUCCESS)
		return 0;
	for (addr_t bucket = 0; bucket <= mask; bucket++) {
		// A chain ends with an odd word.
		vmi_read_addr_va(vmi, table + bucket * sizeof(addr_t), 0, &node);
		while (node && !(node & 1)) {
			addr_t socket = node - SKC_NODE;

			if (vmi_read_16_va(vmi, socket + SKC_DPORT, 0, &found) == VMI_SUCCESS && found == htons(port))
				return socket;
			if (vmi_read_addr_va(vmi, node, 0, &node) != VMI_SUCCESS)
				break;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	vmi_instance_t vmi;
	int samples = argc > 3 ? atoi(argv[3]) : 1;
	uint32_t cwnd = 0;
	double begin;
	addr_t socket;

	if (argc < 3 || vmi_init_complete(&vmi, argv[1], VMI_INIT_DOMAINNAME, NULL, VMI_CONFIG_GLOBAL_FILE_ENTRY, NULL,
					  NULL) != VMI_SUCCESS)
		return 1;
	vmi_pause_vm(vmi);
	begin = now();
	socket = find(vmi, atoi(argv[2]));
	printf("walk_us %.1f\n", now() - begin);
	vmi_resume_vm(vmi);
	begin = now();
	for (int i = 0; socket && i < samples; i++) {
		vmi_pause_vm(vmi);
		vmi_read_32_va(vmi, socket + SND_CWND, 0, &cwnd);
		vmi_resume_vm(vmi);
	}
	printf("sample_us %.1f\nsnd_cwnd %u\n", (now() - begin) / samples, cwnd);
	vmi_destroy(vmi);
	return !socket;
}
