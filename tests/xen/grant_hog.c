// SPDX-License-Identifier: MIT
/*
 * grant_hog DOMID...: maps the pages of these domains' channels again and again, until Xen or dom0 has no room for
 * another map. Prints how often it could, and keeps it so until it is killed.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h> /* PROT_READ */
#include <unistd.h>
#include <xengnttab.h>
#include <xenstore.h>

#include "vmitap/xen_abi.h"

/* Xen counts to 63 for one page, which others have to map, too. */
enum { TIMES_MAX = 50 };

static xengnttab_handle *grants;
static unsigned mapped;
static bool full;

static void *map(uint32_t domid, uint32_t ref)
{
	return xengnttab_map_domain_grant_refs(grants, 1, domid, &ref, PROT_READ);
}

static const struct vmitap_directory *directory_of(uint32_t domid)
{
	struct xs_handle *store = xs_open(0);
	const struct vmitap_directory *directory;
	char path[128], *ref;
	unsigned size;

	snprintf(path, sizeof(path), "/local/domain/%u/%s/%s/directory", domid, VMITAP_XENSTORE_DIRECTORY,
		 VMITAP_XENSTORE_KERNEL);
	ref = store ? xs_read(store, XBT_NULL, path, &size) : NULL;
	directory = ref ? map(domid, (uint32_t)strtoul(ref, NULL, 10)) : NULL;
	if (!directory) {
		fprintf(stderr, "grant_hog: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	free(ref);
	xs_close(store);
	return directory;
}

/* As often as it may be; whatever room others leave is taken, too. */
static void hog(uint32_t domid)
{
	const struct vmitap_directory *directory = directory_of(domid);
	uint32_t count = directory->guest_pages + directory->host_pages + directory->catalog_pages;

	if (count > VMITAP_DIRECTORY_GREFS_FIRST)
		count = VMITAP_DIRECTORY_GREFS_FIRST;
	for (unsigned i = 0; i < TIMES_MAX * count; i++, mapped++)
		while (!map(domid, directory->grefs[i % count])) {
			if (!full)
				printf("%u maps, then: %s\n", mapped, strerror(errno));
			fflush(stdout);
			full = true;
			usleep(10000);
		}
}

int main(int argc, char **argv)
{
	grants = xengnttab_open(NULL, 0);
	if (argc < 2 || !grants) {
		fprintf(stderr, "usage: grant_hog DOMID..., in dom0\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		hog((uint32_t)atoi(argv[i]));
	printf("%u maps, and there was room for all\n", mapped);
	return 1;
}
