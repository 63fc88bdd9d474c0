/* SPDX-License-Identifier: GPL-2.0 */
/* What a hostile guest may do to the channel that its honest half has made. */
#ifndef HOSTILE_LIES_H
#define HOSTILE_LIES_H

#include "channel.h"

enum hostile_answer { ANSWER_TRULY, ANSWER_NEVER, ANSWER_NONSENSE };

struct hostile_lie {
	const char *name;
	/* Bends directory and regions right before they are advertised. */
	void (*channel)(struct vmitap_channel *channel);
	/* Bends the catalog after each time that it is written. */
	void (*catalog)(struct vmitap_channel *channel);
	/* Writes other keys than the true ones that stand in xenstore. */
	void (*store)(struct vmitap_channel *channel);
	enum hostile_answer answer;
	/* One round of what never ends. At once, or when the parameter `go` says so. */
	void (*round)(struct vmitap_channel *channel);
	bool at_once;
};

/* NULL if there is none of that name. "none" is the truth. */
const struct hostile_lie *hostile_lie(const char *name);

/* Rounds (mischief.c). */
void hostile_scribble(struct vmitap_channel *channel);
void hostile_forge(struct vmitap_channel *channel);
void hostile_storm(struct vmitap_channel *channel);
void hostile_shift_directory(struct vmitap_channel *channel);
void hostile_shift_catalog(struct vmitap_channel *channel);
u64 hostile_random(void);

#endif /* HOSTILE_LIES_H */
