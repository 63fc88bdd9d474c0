/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmitap/site.h"

enum { MANY = 200, BYTES = 512 };

static struct {
	struct vmitap_trigger_site *site;
	unsigned fired;
	unsigned char args[BYTES];
} triggers[MANY];
static const struct vmitap_mark_site *marks[MANY];
static unsigned trigger_total, mark_total;

/* As site.h has it: behind the site stands a pointer, and behind that the text. */
static const char *trigger_text(const struct vmitap_trigger_site *site)
{
	return (const char *)(site + 1) + sizeof(void *);
}

static const char *mark_text(const struct vmitap_mark_site *site)
{
	return (const char *)(site + 1) + sizeof(void *);
}

void vmitap_register_triggers(struct vmitap_trigger_site *const *begin, struct vmitap_trigger_site *const *end)
{
	for (; begin < end; begin++) {
		if ((*begin)->id)
			continue;
		triggers[trigger_total].site = *begin;
		(*begin)->id = ++trigger_total;
		(*begin)->armed = 1;
	}
}

void vmitap_register_marks(struct vmitap_mark_site *const *begin, struct vmitap_mark_site *const *end)
{
	for (; begin < end; begin++) {
		if ((*begin)->id)
			continue;
		marks[mark_total] = *begin;
		(*begin)->id = ++mark_total;
	}
}

void vmitap_unregister(const void *address)
{
	(void)address;
}

void vmitap_fire(struct vmitap_trigger_site *site, const void *args)
{
	unsigned i = site->id - 1;

	if (site->args_size > BYTES || (site->args_size == 0) != (args == NULL))
		abort();
	triggers[i].fired++;
	if (args)
		memcpy(triggers[i].args, args, site->args_size);
}

static unsigned find(const char *name)
{
	for (unsigned i = 0; i < trigger_total; i++)
		if (strcmp(trigger_text(triggers[i].site), name) == 0)
			return i;
	fprintf(stderr, "no trigger %s\n", name);
	abort();
}

static const struct vmitap_mark_site *find_mark(const char *name)
{
	for (unsigned i = 0; i < mark_total; i++)
		if (strcmp(mark_text(marks[i]), name) == 0)
			return marks[i];
	fprintf(stderr, "no mark %s\n", name);
	abort();
}

unsigned trigger_count(const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < trigger_total; i++)
		count += strcmp(trigger_text(triggers[i].site), name) == 0;
	return count;
}

unsigned fired_count(const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < trigger_total; i++)
		if (strcmp(trigger_text(triggers[i].site), name) == 0)
			count += triggers[i].fired;
	return count;
}

const char *argument_text(const char *name, unsigned n)
{
	const struct vmitap_trigger_site *site = triggers[find(name)].site;
	const char *text = trigger_text(site), *end = text + site->text_size;

	if (n > site->arguments)
		abort();
	while (n--)
		text += strlen(text) + 1;
	if (text >= end)
		abort();
	return text;
}

const void *fired_args(const char *name)
{
	return triggers[find(name)].args;
}

size_t fired_size(const char *name)
{
	return triggers[find(name)].site->args_size;
}

unsigned mark_count(const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < mark_total; i++)
		count += strcmp(mark_text(marks[i]), name) == 0;
	return count;
}

const volatile void *mark_address(const char *name)
{
	return find_mark(name)->variable;
}

size_t mark_size(const char *name)
{
	return find_mark(name)->size;
}

void disarm(const char *name)
{
	triggers[find(name)].site->armed = 0;
}
