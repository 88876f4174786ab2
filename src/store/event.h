/* SPDX-License-Identifier: MIT */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H
#include "core.h"

struct watch;

/* Something changed at a path. Who watches it by its absolute path is told that; the domain whose home it is in may have it
 * without the home in front. */
struct news {
	const char *path;
	size_t len;
	struct {
		bool known;
		uint64_t value;
	} hashes[2]; /* absolute, relative */
};

/* Tells the watcher, who may know it. */
void event_send(struct store *s, struct store_effects *out, struct watch *w, struct news *news);

#endif
