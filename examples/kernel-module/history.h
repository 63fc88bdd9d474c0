/* SPDX-License-Identifier: GPL-2.0 */
/* What the stations were at each step, as the module itself saw it, to be compared with what was captured. */
#ifndef EXAMPLE_HISTORY_H
#define EXAMPLE_HISTORY_H

#include <linux/fs.h>

#include "station.h"

/* Room for so many steps; forgets what was. Not while any are added. 0 or a negative errno. */
int history_begin(size_t steps);
void history_end(void);
/* Any thread. */
void history_add(const struct station *station);

/* Reading: a line a step, "number step urgent priority drift phase word levels... hops weight label". */
int history_open(struct inode *inode, struct file *file);

#endif /* EXAMPLE_HISTORY_H */
