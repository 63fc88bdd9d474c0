// SPDX-License-Identifier: GPL-2.0
#include "history.h"

#include <linux/atomic.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>

static struct station *steps;
static size_t room;
static atomic_long_t used;

int history_begin(size_t count)
{
	history_end();
	steps = vzalloc(array_size(count, sizeof(*steps)));
	if (!steps)
		return -ENOMEM;
	room = count;
	return 0;
}

void history_end(void)
{
	vfree(steps);
	steps = NULL;
	room = 0;
	atomic_long_set(&used, 0);
}

void history_add(const struct station *station)
{
	const size_t at = atomic_long_inc_return(&used) - 1;

	if (at < room)
		steps[at] = *station;
}

static void *at(loff_t position)
{
	return position < min_t(loff_t, room, atomic_long_read(&used)) ? &steps[position] : NULL;
}

static void *history_start(struct seq_file *file, loff_t *position)
{
	return at(*position);
}

static void *history_next(struct seq_file *file, void *entry, loff_t *position)
{
	return at(++*position);
}

static void history_stop(struct seq_file *file, void *entry)
{
}

static int history_show(struct seq_file *file, void *entry)
{
	const struct station *station = entry;

	seq_printf(file, "%u %llu %u %u %d %d %llu %d %d %d %d %u %d %s\n", station->number, station->step,
		   station->urgent, station->priority, station->drift, station->phase, station->word.whole,
		   station->levels[0], station->levels[1], station->levels[2], station->levels[3],
		   station->link->hops, station->link->weight, station->label);
	return 0;
}

static const struct seq_operations operations = {
	.start = history_start,
	.next = history_next,
	.stop = history_stop,
	.show = history_show,
};

int history_open(struct inode *inode, struct file *file)
{
	file->private_data = NULL; /* the misc device, which seq_open() does not expect there */
	return seq_open(file, &operations);
}
