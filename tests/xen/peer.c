/* SPDX-License-Identifier: MIT */
/*
 * A small host for one channel of a domain, as plain as can be, to try the guest's half without vmitap's own:
 *
 *	peer DOMID show [CHANNEL]			directory and catalog
 *	peer DOMID capture TRIGGER COUNT [sync] [inline=MARK] [die] [print] [seconds=S] [channel=CHANNEL]
 *
 * capture: until COUNT records came or S seconds (10) went by; then disarms, or is killed (die). Prints a line
 * of sums; fails if a record breaks a rule.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#include "vmitap/barrier.h"
#include "vmitap/ring_abi.h"
#include "vmitap/xen_abi.h"

enum { GREFS_MAX = VMITAP_DIRECTORY_PAGES_MAX * 1024, RINGS_MAX = 64, SITES_MAX = 4096 };

static xengnttab_handle *gnttab;
static xenevtchn_handle *evtchn;
static uint32_t domid;
static int port;

static struct vmitap_directory *directory;
static uint8_t *guest, *host, *catalog;
static struct vmitap_host_header *host_header;
static struct vmitap_mailbox *replies, *requests;

static void die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t read_key(struct xs_handle *xenstore, const char *channel, const char *key)
{
	char path[256];
	unsigned size;
	char *value;
	uint32_t number;

	snprintf(path, sizeof(path), "/local/domain/%u/%s/%s/%s", domid, VMITAP_XENSTORE_DIRECTORY, channel, key);
	value = xs_read(xenstore, XBT_NULL, path, &size);
	if (!value)
		die(path);
	number = (uint32_t)strtoul(value, NULL, 10);
	free(value);
	return number;
}

static void *map(uint32_t count, uint32_t *refs, int prot)
{
	void *address = xengnttab_map_domain_grant_refs(gnttab, count, domid, refs, prot);

	if (!address)
		die("mapping grants");
	return address;
}

/* bind: takes the channel, and not only looks at it. */
static void attach(const char *channel, bool bind)
{
	struct xs_handle *xenstore = xs_open(0);
	static uint32_t grefs[GREFS_MAX];
	uint32_t first, total, count, next, *at = grefs;
	struct vmitap_directory copy;

	gnttab = xengnttab_open(NULL, 0);
	evtchn = xenevtchn_open(NULL, 0);
	if (!xenstore || !gnttab || !evtchn)
		die("opening Xen's interfaces");
	if (read_key(xenstore, channel, "abi") != VMITAP_XEN_ABI_VERSION)
		die("ABI version");
	first = read_key(xenstore, channel, "directory");
	if (bind) {
		port = xenevtchn_bind_interdomain(evtchn, domid, read_key(xenstore, channel, "port"));
		if (port < 0)
			die("binding the port");
	}
	xs_close(xenstore);
	directory = map(1, &first, PROT_READ);
	copy = *directory;
	if (copy.magic != VMITAP_DIRECTORY_MAGIC || copy.abi_version != VMITAP_XEN_ABI_VERSION)
		die("not a directory");
	total = copy.guest_pages + copy.host_pages + copy.catalog_pages + 2 * VMITAP_MAILBOX_PAGES;
	if (total > GREFS_MAX)
		die("too many pages");
	count = total < VMITAP_DIRECTORY_GREFS_FIRST ? total : VMITAP_DIRECTORY_GREFS_FIRST;
	memcpy(grefs, copy.grefs, count * sizeof(*grefs));
	for (next = copy.next; count < total && next;) {
		struct vmitap_directory_next *page = map(1, &next, PROT_READ);
		uint32_t some = total - count < VMITAP_DIRECTORY_GREFS_NEXT ? total - count :
									      VMITAP_DIRECTORY_GREFS_NEXT;

		memcpy(grefs + count, page->grefs, some * sizeof(*grefs));
		count += some;
		next = page->next;
		xengnttab_unmap(gnttab, page, 1);
	}
	if (count != total)
		die("the directory ends early");
	guest = map(copy.guest_pages, at, PROT_READ);
	at += copy.guest_pages;
	host = map(copy.host_pages, at, PROT_READ | PROT_WRITE);
	if (bind) {
		host_header = xengnttab_map_grant_ref_notify(gnttab, domid, at[0], PROT_READ | PROT_WRITE,
							     offsetof(struct vmitap_host_header, present),
							     (evtchn_port_t)port);
		if (!host_header)
			die("mapping the host header with a notification");
	}
	at += copy.host_pages;
	catalog = map(copy.catalog_pages, at, PROT_READ);
	at += copy.catalog_pages;
	replies = map(VMITAP_MAILBOX_PAGES, at, PROT_READ);
	at += VMITAP_MAILBOX_PAGES;
	requests = map(VMITAP_MAILBOX_PAGES, at, PROT_READ | PROT_WRITE);
}

struct site {
	uint32_t type;
	struct vmitap_site wire;
	char name[VMITAP_NAME_MAX];
};

static struct site sites[SITES_MAX];
static uint32_t site_count;

static void show_module(const uint8_t *body, uint32_t size)
{
	struct vmitap_module module;

	memcpy(&module, body, sizeof(module));
	printf("module %u %.*s bias %#" PRIx64 " range %#" PRIx64 "-%#" PRIx64 " build id ", module.id,
	       (int)(size - sizeof(module)), (const char *)body + sizeof(module), module.load_bias, module.start,
	       module.end);
	for (uint32_t i = 0; i < module.build_id_size && i < VMITAP_BUILD_ID_MAX; i++)
		printf("%02x", module.build_id[i]);
	printf("\n");
}

/* Copies the catalog until no writer was at it meanwhile, and takes it apart. */
static void read_catalog(bool show)
{
	uint64_t size;
	uint8_t *copy = NULL;
	uint32_t version;

	do {
		while ((version = vmitap_load_acquire(&directory->catalog_version)) & 1)
			usleep(100);
		size = vmitap_load_relaxed(&directory->catalog_size);
		if (size > (uint64_t)directory->catalog_pages * VMITAP_PAGE_SIZE)
			die("the catalog's size");
		copy = realloc(copy, size + 1);
		memcpy(copy, catalog, size);
		vmitap_read_fence();
	} while (vmitap_load_relaxed(&directory->catalog_version) != version);
	site_count = 0;
	for (uint64_t at = 0; at + sizeof(struct vmitap_message) <= size;) {
		struct vmitap_message header;
		const uint8_t *body = copy + at + sizeof(header);
		struct site *site = &sites[site_count];
		uint32_t text;

		memcpy(&header, copy + at, sizeof(header));
		if (header.size < sizeof(header) || header.size > size - at)
			die("the catalog's messages");
		at += (header.size + 7) & ~7u;
		if (header.type == VMITAP_MODULE && show)
			show_module(body, (uint32_t)(header.size - sizeof(header)));
		if (header.type == VMITAP_LISTED && at != size)
			die("the catalog's end");
		if ((header.type != VMITAP_TRIGGER_SITE && header.type != VMITAP_MARK_SITE) || site_count == SITES_MAX)
			continue;
		site->type = header.type;
		memcpy(&site->wire, body, sizeof(site->wire));
		text = (uint32_t)(header.size - sizeof(header) - sizeof(site->wire));
		snprintf(site->name, sizeof(site->name), "%s", (const char *)body + sizeof(site->wire));
		if (show) {
			printf("%s %u module %u at %#" PRIx64 " variable %#" PRIx64 " size %" PRIu64 " line %u %u:",
			       site->type == VMITAP_TRIGGER_SITE ? "trigger" : "mark", site->wire.id,
			       site->wire.module, site->wire.address, site->wire.variable, site->wire.size,
			       site->wire.line, site->wire.arguments);
			for (uint32_t i = 0; i < text; i++)
				putchar(body[sizeof(site->wire) + i] ? body[sizeof(site->wire) + i] : ' ');
			printf("\n");
		}
		site_count++;
	}
	free(copy);
}

static const struct site *find(uint32_t type, const char *name)
{
	for (uint32_t i = 0; i < site_count; i++)
		if (sites[i].type == type && !strcmp(sites[i].name, name))
			return &sites[i];
	fprintf(stderr, "peer: no %s '%s'\n", type == VMITAP_TRIGGER_SITE ? "trigger" : "mark", name);
	exit(1);
}

static void show_directory(void)
{
	const struct vmitap_kernel_image *kernel = &directory->kernel;

	printf("channel %s pid %u guest %u host %u catalog %u pages, root %#" PRIx64 " flags %u\n", directory->name,
	       directory->pid, directory->guest_pages, directory->host_pages, directory->catalog_pages,
	       directory->page_table_root, directory->flags);
	printf("clock version %u khz %u tsc %" PRIu64 " system %" PRIu64 "\n", directory->clock.version,
	       directory->clock.tsc_khz, directory->clock.tsc, directory->clock.system_ns);
	printf("btf %#" PRIx64 " size %" PRIu64 " vmcoreinfo %#" PRIx64 " size %" PRIu64 " per-cpu offsets %#" PRIx64
	       " cpus %u start %#" PRIx64 "\n",
	       kernel->btf, kernel->btf_size, kernel->vmcoreinfo, kernel->vmcoreinfo_size, kernel->per_cpu_offset,
	       kernel->cpus, kernel->per_cpu_start);
}

/* Waits for the event channel. False: nothing came. */
static bool wait_event(int milliseconds)
{
	struct pollfd ready = { .fd = xenevtchn_fd(evtchn), .events = POLLIN };
	int came;

	if (poll(&ready, 1, milliseconds) != 1)
		return false;
	came = xenevtchn_pending(evtchn);
	if (came >= 0)
		xenevtchn_unmask(evtchn, (evtchn_port_t)came);
	return true;
}

/* Sends a request and returns why it was refused, 0 if it was not. */
static uint32_t ask(uint32_t type, const void *body, uint32_t size)
{
	struct vmitap_message header = { .type = type, .size = (uint32_t)sizeof(header) + size };
	uint32_t sequence = requests->sequence + 1;
	struct vmitap_refused refused;

	memcpy(requests->message, &header, sizeof(header));
	memcpy(requests->message + sizeof(header), body, size);
	vmitap_store_release(&requests->sequence, sequence);
	xenevtchn_notify(evtchn, (evtchn_port_t)port);
	for (int tries = 0; vmitap_load_acquire(&replies->sequence) != sequence; tries++) {
		if (tries == 200 || directory->magic != VMITAP_DIRECTORY_MAGIC)
			die("no answer to a request");
		wait_event(50);
	}
	memcpy(&header, replies->message, sizeof(header));
	if (header.type == VMITAP_DONE)
		return 0;
	memcpy(&refused, replies->message + sizeof(header), sizeof(refused));
	return refused.reason ? refused.reason : UINT32_MAX;
}

static struct {
	uint64_t tail[RINGS_MAX];
	uint64_t records, lost, nested, sync, kicks, timeouts, values;
} sums;
static struct vmitap_guest_header geometry;
static bool print;
static uint32_t inline_size;

static struct vmitap_ring_control *control(uint32_t ring)
{
	return (struct vmitap_ring_control *)(void *)(host + VMITAP_PAGE_SIZE) + ring;
}

static const struct vmitap_ring_state *ring_state(uint32_t ring)
{
	return (const struct vmitap_ring_state *)(void *)(guest + geometry.states_offset) + ring;
}

static const struct vmitap_slot_first *slot_at(uint32_t ring, uint64_t position)
{
	return (const struct vmitap_slot_first *)(void *)(guest + geometry.slots_offset) +
	       ring * geometry.slots_per_ring + position % geometry.slots_per_ring;
}

static void rule(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "peer: a record breaks a rule: %s\n", what);
	exit(1);
}

/* The record's bytes: of its first slot and those that follow. */
static void gather(uint32_t ring, uint64_t position, const struct vmitap_slot_first *first, uint8_t *payload)
{
	uint32_t left = first->size, piece = left < VMITAP_FIRST_PAYLOAD ? left : VMITAP_FIRST_PAYLOAD;

	memcpy(payload, first->payload, piece);
	payload += piece;
	left -= piece;
	for (uint32_t i = 1; i < first->slots; i++) {
		const struct vmitap_slot_next *next = (const void *)slot_at(ring, position + i);
		uint32_t lap = (uint32_t)((position + i) / geometry.slots_per_ring + 1);

		rule(next->commit == (lap << 1 | VMITAP_COMMIT_CONTINUATION), "continuation");
		piece = left < VMITAP_NEXT_PAYLOAD ? left : VMITAP_NEXT_PAYLOAD;
		memcpy(payload, next->payload, piece);
		payload += piece;
		left -= piece;
	}
	rule(left == 0, "slots");
}

static bool take(uint32_t ring)
{
	static uint8_t payload[VMITAP_RECORD_PAYLOAD_MAX];
	const uint64_t position = sums.tail[ring];
	const struct vmitap_slot_first *slot = slot_at(ring, position);
	uint32_t commit = vmitap_load_acquire(&slot->commit);
	struct vmitap_slot_first first;

	if (commit != (uint32_t)(position / geometry.slots_per_ring + 1) << 1)
		return false;
	first = *slot;
	rule(first.slots > 0 && first.slots <= geometry.slots_per_ring / 4, "slot count");
	gather(ring, position, &first, payload);
	sums.records++;
	sums.lost += first.lost;
	if (first.flags & VMITAP_RECORD_INLINE) {
		uint64_t done;

		memcpy(&done, payload + first.size - inline_size - sizeof(done), sizeof(done));
		sums.values += done & 1;
	}
	if (print) {
		printf("record ring %u trigger %u lost %u flags %u tsc %" PRIu64 " payload ", ring, first.trigger,
		       first.lost, first.flags, first.tsc);
		for (uint32_t i = 0; i < first.size; i++)
			printf("%02x", payload[i]);
		printf("\n");
	}
	sums.tail[ring] += first.slots;
	vmitap_store_release(&control(ring)->tail, sums.tail[ring]);
	if (first.flags & VMITAP_RECORD_SYNC) {
		sums.sync++;
		vmitap_store_release(&control(ring)->sync_answered, position + 1);
		if (vmitap_load_relaxed(&ring_state(ring)->sync_parked))
			xenevtchn_notify(evtchn, (evtchn_port_t)port);
	}
	return true;
}

static bool take_all(uint64_t wanted)
{
	bool some = false;

	for (uint32_t ring = 0; ring < geometry.ring_count; ring++)
		while (sums.records < wanted && take(ring))
			some = true;
	return some;
}

/* FORMAT.md, "Waking", without settling: a bounded wait stands in for the fence that no host can issue here. */
static void sleep_a_while(uint64_t wanted)
{
	for (uint32_t ring = 0; ring < geometry.ring_count; ring++) {
		const uint64_t *words = (const void *)(guest + geometry.active_offset);
		uint32_t armed = control(ring)->armed;

		if ((words[ring / 64] >> ring % 64 & 1) == (armed & 1))
			vmitap_store_relaxed(&control(ring)->armed, armed + 1);
	}
	vmitap_store_relaxed(&host_header->sleeping, 1u);
	vmitap_fence();
	if (!take_all(wanted)) {
		if (wait_event(20))
			sums.kicks++;
		else
			sums.timeouts++;
	}
	vmitap_store_relaxed(&host_header->sleeping, 0u);
}

static void arm(const char *trigger, const char *mark, bool sync)
{
	struct {
		struct vmitap_arm arm;
		struct vmitap_fetch fetch;
	} request = { .arm = { .trigger = find(VMITAP_TRIGGER_SITE, trigger)->wire.id,
			       .flags = sync ? VMITAP_ARM_SYNC : 0,
			       .sync_timeout_us = 100000 } };
	uint32_t size = sizeof(request.arm), refused;

	if (mark) {
		const struct site *site = find(VMITAP_MARK_SITE, mark);

		inline_size = (uint32_t)site->wire.size;
		request.arm.fetch_count = 1;
		request.fetch = (struct vmitap_fetch){ .base = VMITAP_FETCH_ADDRESS,
						       .size = inline_size,
						       .origin = site->wire.variable };
		size = sizeof(request);
	}
	refused = ask(VMITAP_ARM, &request, size);
	if (refused) {
		fprintf(stderr, "peer: ARM was refused: %u\n", refused);
		exit(1);
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void open_rings(void)
{
	memcpy(&geometry, guest, sizeof(geometry));
	rule(geometry.magic == VMITAP_RING_MAGIC && geometry.ring_count <= RINGS_MAX, "guest header");
	for (uint32_t ring = 0; ring < geometry.ring_count; ring++) {
		sums.tail[ring] = ring_state(ring)->head;
		vmitap_store_release(&control(ring)->tail, sums.tail[ring]);
		vmitap_store_release(&control(ring)->sync_answered, sums.tail[ring]);
	}
	host_header->magic = VMITAP_RING_MAGIC;
	host_header->abi_version = VMITAP_RING_ABI_VERSION;
	vmitap_store_release(&host_header->present, (uint8_t)1);
	xenevtchn_notify(evtchn, (evtchn_port_t)port);
}

static int capture(int argc, char **argv)
{
	const char *mark = NULL;
	const uint64_t wanted = strtoull(argv[1], NULL, 10);
	struct vmitap_attach greeting = { .abi_version = VMITAP_CONTROL_ABI_VERSION };
	struct vmitap_arm disarm = { 0 };
	bool sync = false, killed = false;
	double end = now() + 10;
	uint64_t drops = 0, abandoned = 0;

	for (int i = 2; i < argc; i++) {
		sync |= !strcmp(argv[i], "sync");
		killed |= !strcmp(argv[i], "die");
		print |= !strcmp(argv[i], "print");
		if (!strncmp(argv[i], "inline=", 7))
			mark = argv[i] + 7;
		if (!strncmp(argv[i], "seconds=", 8))
			end = now() + atof(argv[i] + 8);
	}
	open_rings();
	if (ask(VMITAP_ATTACH, &greeting, sizeof(greeting)))
		die("ATTACH was refused");
	arm(argv[0], mark, sync);
	printf("armed\n");
	fflush(stdout);
	while (sums.records < wanted && now() < end && directory->magic == VMITAP_DIRECTORY_MAGIC)
		if (!take_all(wanted))
			sleep_a_while(wanted);
	if (directory->magic != VMITAP_DIRECTORY_MAGIC)
		printf("the channel is gone\n");
	if (killed) {
		fflush(stdout);
		kill(getpid(), SIGKILL);
	}
	for (uint32_t ring = 0; ring < geometry.ring_count; ring++) {
		drops += ring_state(ring)->drops;
		abandoned += ring_state(ring)->sync_timeouts;
	}
	if (directory->magic == VMITAP_DIRECTORY_MAGIC) {
		disarm.trigger = find(VMITAP_TRIGGER_SITE, argv[0])->wire.id;
		if (ask(VMITAP_DISARM, &disarm, sizeof(disarm)))
			printf("the trigger is gone\n");
	}
	printf("records %" PRIu64 " lost %" PRIu64 " drops %" PRIu64 " sync %" PRIu64 " sync timeouts %" PRIu64
	       " inline values %" PRIu64 " kicks %" PRIu64 " timeouts %" PRIu64 " clock version %u\n",
	       sums.records, sums.lost, drops, sums.sync, abandoned, sums.values, sums.kicks, sums.timeouts,
	       directory->clock.version);
	return 0;
}

int main(int argc, char **argv)
{
	const char *channel = VMITAP_XENSTORE_KERNEL;

	if (argc < 3 || (strcmp(argv[2], "show") && (strcmp(argv[2], "capture") || argc < 5))) {
		fprintf(stderr, "usage: peer DOMID show [CHANNEL] | capture TRIGGER COUNT [OPTION...]\n");
		return 2;
	}
	domid = (uint32_t)atoi(argv[1]);
	if (!strcmp(argv[2], "show") && argc > 3)
		channel = argv[3];
	for (int i = 5; i < argc; i++)
		if (!strncmp(argv[i], "channel=", 8))
			channel = argv[i] + 8;
	attach(channel, strcmp(argv[2], "show") != 0);
	if (!strcmp(argv[2], "show")) {
		show_directory();
		read_catalog(true);
		return 0;
	}
	read_catalog(false);
	return capture(argc - 3, argv + 3);
}
