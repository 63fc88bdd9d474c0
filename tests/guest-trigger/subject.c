/* SPDX-License-Identifier: MIT */
/*
 * The guest of these tests: does what it is told, a line at a time, and says "ok" with what came of it.
 * Commands stand in the table at the end.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

struct node {
	uint32_t value;
	struct node *next;
	char name[12];
};

static struct node tail = { 3, NULL, "tail" };
static struct node head = { 1, &tail, "head" };
static struct node *list = &head;
static struct node *wild = (struct node *)0x10;
static uint64_t counter;
static unsigned char large[2000];
static unsigned char *pages; /* three, of which the middle one cannot be read */
VMITAP_MARK(pages);
VMITAP_MARK(head);
VMITAP_MARK(list);
VMITAP_MARK(wild);
VMITAP_MARK(counter);
VMITAP_MARK(large);
VMITAP_MARK_AS(value_of_tail, tail.value);

static struct {
	char name[32], text[4000];
	unsigned long first, second;
} order;

/* ---- firing ---- */

static void beat(uint64_t sequence, uint32_t thread)
{
	__atomic_store_n(&counter, sequence, __ATOMIC_RELAXED);
	VMITAP_TRIGGER(beat, sequence, thread);
}

static int say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	return fflush(stdout);
}

static void fire(void)
{
	for (uint64_t i = 0; i < order.first; i++)
		beat(i, 0);
	say("ok");
}

/* errno, flags of the trigger's own, and arguments' side effects: none of them may change unseen. */
static void quiet(void)
{
	unsigned evaluated = 0;

	errno = ECHILD;
	VMITAP_TRIGGER(quiet, ++evaluated);
	say("ok %d %u", errno == ECHILD, evaluated);
}

static void kinds(void)
{
	char word[7] = "seven";

	VMITAP_TRIGGER(none);
	VMITAP_TRIGGER(sixteen, (uint8_t)1, (uint16_t)2, (uint32_t)3, (uint64_t)4, 5.5f, 6.5, word, "eight", head, &head,
		       (int8_t)-11, (int64_t)-12, 'd', (_Bool)1, tail.name, 16u);
	say("ok");
}

static void visit(void)
{
	struct node *dangling = (struct node *)(uintptr_t)0xdead0000dead0000u;

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (unsigned char)i;
	VMITAP_TRIGGER(visit, list, dangling, head);
	say("ok");
}

/* ---- threads ---- */

struct firing {
	uint32_t thread;
	unsigned long count;
	pthread_barrier_t *start, *end;
};

static void *fire_on_thread(void *argument)
{
	struct firing *firing = argument;

	pthread_barrier_wait(firing->start);
	for (uint64_t i = 0; i < firing->count; i++)
		beat(i, firing->thread);
	pthread_barrier_wait(firing->end);
	return NULL;
}

/* So many threads, all alive until the last has fired. */
static void threads(void)
{
	pthread_barrier_t start, end;
	pthread_t *ids = calloc(order.first, sizeof(*ids));
	struct firing *firings = calloc(order.first, sizeof(*firings));

	pthread_barrier_init(&start, NULL, (unsigned)order.first);
	pthread_barrier_init(&end, NULL, (unsigned)order.first);
	for (uint32_t i = 0; i < order.first; i++) {
		firings[i] = (struct firing){ i + 1, order.second, &start, &end };
		if (pthread_create(&ids[i], NULL, fire_on_thread, &firings[i]))
			abort();
	}
	for (uint32_t i = 0; i < order.first; i++)
		pthread_join(ids[i], NULL);
	pthread_barrier_destroy(&start);
	pthread_barrier_destroy(&end);
	free(ids);
	free(firings);
	say("ok");
}

static void *fire_for_ever(void *started)
{
	sem_post(started);
	for (uint64_t i = 0;; i++)
		VMITAP_TRIGGER(pulse, i);
	return NULL;
}

static void background(void)
{
	static sem_t started;
	pthread_t id;

	sem_init(&started, 0, 0);
	for (unsigned long i = 0; i < order.first; i++)
		if (pthread_create(&id, NULL, fire_for_ever, &started) || pthread_detach(id))
			abort();
	/* A fork in the middle of a thread's start finds the allocator of a sanitizer locked for ever. */
	for (unsigned long i = 0; i < order.first; i++)
		while (sem_wait(&started))
			;
	say("ok");
}

static void *fire_though_cancelled(void *went_on)
{
	pthread_cancel(pthread_self());
	beat(0, 0);
	*(int *)went_on = 1;
	pthread_testcancel();
	return NULL;
}

/* A trigger is no cancellation point: the thread ends at the program's own, behind it. */
static void cancelled(void)
{
	int went_on = 0;
	void *result = NULL;
	pthread_t id;

	if (pthread_create(&id, NULL, fire_though_cancelled, &went_on) || pthread_join(id, &result))
		abort();
	say("ok %d %d", went_on, result == PTHREAD_CANCELED);
}

/* ---- signal handlers ---- */

static volatile uint64_t handled;

static void handler(int number)
{
	(void)number;
	VMITAP_TRIGGER(handled, handled);
	handled++;
}

/* Fires until a timer's handler has fired so often, too. */
static void handlers(void)
{
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	uint64_t fired = 0;

	handled = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < order.first)
		beat(fired++, 0);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
	say("ok %lu %lu", (unsigned long)fired, (unsigned long)handled);
}

/* ---- processes ---- */

static void await(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	say("ok child %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The child takes over the commands; the parent goes on when it is gone. */
static void fork_off(void)
{
	pid_t child = fork();

	if (child > 0)
		await(child);
	else
		say("ok %d", getpid());
}

/* A child that no fork handler has heard of. */
static void bare_clone(void)
{
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (child > 0) {
		await(child);
		return;
	}
	for (uint64_t i = 0; i < order.first; i++)
		beat(1000000 + i, 0);
	_exit(0);
}

static void exec_self(void)
{
	char name[] = "subject";
	char *arguments[] = { name, NULL };

	execv("/proc/self/exe", arguments);
	abort();
}

static void spawn(void)
{
	char name[] = "true";
	char *arguments[] = { name, NULL };
	pid_t child;
	int status = 0;

	if (posix_spawnp(&child, "true", NULL, NULL, arguments, NULL))
		abort();
	waitpid(child, &status, 0);
	say("ok %d", status);
}

/* ---- objects ---- */

static void *plugin;

static void load(void)
{
	plugin = dlopen(order.text, RTLD_NOW | RTLD_LOCAL);
	if (!plugin)
		say("failed %s", dlerror());
	else
		say("ok");
}

static void call(void)
{
	void (*function)(unsigned long);
	void *symbol = dlsym(plugin, "plugin_fire");

	memcpy(&function, &symbol, sizeof(function));
	function(order.first);
	say("ok");
}

static void unload(void)
{
	dlclose(plugin);
	say("ok %d", dlopen(order.text, RTLD_NOW | RTLD_NOLOAD) == NULL);
}

/* ---- the rest ---- */

static void close_all(void)
{
	syscall(SYS_close_range, 3u, ~0u, 0u);
	say("ok");
}

static long resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long total, resident = 0;

	if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2)
		abort();
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static long entries(const char *path)
{
	DIR *directory = opendir(path);
	long count = 0;

	while (directory && readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void status(void)
{
	say("ok %ld %ld %ld", entries("/proc/self/fd"), entries("/proc/self/task"), resident_kib());
}

/* Becomes uid (as root only) and dumpable or not. */
static void become(void)
{
	uid_t uid = (uid_t)order.first;

	if (geteuid() == 0 && setreuid(uid, uid))
		abort();
	prctl(PR_SET_DUMPABLE, order.second, 0, 0, 0);
	say("ok");
}

static void leave(void)
{
	exit((int)order.first);
}

static const struct {
	const char *name;
	void (*run)(void);
} commands[] = {
	{ "fire", fire },	  { "quiet", quiet },	  { "kinds", kinds },	{ "visit", visit },
	{ "threads", threads },	  { "background", background }, { "handlers", handlers }, { "fork", fork_off },
	{ "clone", bare_clone }, { "exec", exec_self }, { "spawn", spawn },	{ "load", load },
	{ "call", call },	  { "unload", unload },	  { "close", close_all }, { "status", status },
	{ "exit", leave },	  { "become", become },	{ "cancelled", cancelled },
};

static void make_pages(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	pages = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		abort();
	for (size_t i = 0; i < 3 * page; i++)
		pages[i] = (unsigned char)(i * 7 % 251);
	mprotect(pages + page, page, PROT_NONE);
}

int main(void)
{
	static char line[4096];

	make_pages();

	say("ok %d", getpid());
	while (fgets(line, sizeof(line), stdin)) {
		memset(&order, 0, sizeof(order));
		if (sscanf(line, "%31s %3999s", order.name, order.text) >= 1)
			sscanf(line, "%*s %lu %lu", &order.first, &order.second);
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			if (strcmp(commands[i].name, order.name) == 0)
				commands[i].run();
	}
	return 0;
}
