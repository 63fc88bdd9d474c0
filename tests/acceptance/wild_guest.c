/* SPDX-License-Identifier: MIT */
/*
 * Fires with pointers that lead nowhere. A line on standard input names one, and is answered by "done".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmitap/mark.h"
#include "vmitap/trigger.h"

struct node {
	uint64_t id;
	struct node *next;
	char name[16];
	uint64_t tail;
};

static struct node last = { 2, NULL, "last", 22 }, first = { 1, &last, "first", 11 };
static struct node *head = &first;
VMITAP_MARK(head);

static uint64_t rounds;
VMITAP_MARK(rounds);

/* Its first 16 bytes end a page, and nothing is behind it. */
static struct node *at_the_edge(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct node *node = (struct node *)(pages + page - 16);

	if (pages == MAP_FAILED || munmap(pages + page, page))
		exit(1);
	node->id = 3;
	node->next = &last;
	return node;
}

static void look(struct node *node, unsigned id)
{
	rounds++;
	VMITAP_TRIGGER(look, node, id);
}

int main(void)
{
	struct node into_the_wild = { 4, (struct node *)0xdeadbeef, "wild", 44 };
	struct node *edge = at_the_edge();
	char line[32];
	unsigned id = 0;

	printf("%p\n", (void *)edge);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		head = &first;
		if (!strcmp(line, "good"))
			look(&first, ++id);
		else if (!strcmp(line, "null"))
			look(NULL, ++id);
		else if (!strcmp(line, "edge"))
			look(edge, ++id);
		else if (!strcmp(line, "next"))
			look(&into_the_wild, ++id);
		else if (!strcmp(line, "head")) {
			head = NULL;
			look(&first, ++id);
		} else
			look((struct node *)(uintptr_t)strtoull(line, NULL, 0), ++id);
		puts("done");
		fflush(stdout);
	}
	return 0;
}
