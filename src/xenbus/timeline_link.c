/* SPDX-License-Identifier: MIT */
/* States written by one end, and where the other saw them. */
#include "timeline.h"

#include <stdlib.h>
#include <string.h>
#include <xenbus/xenbus.h>

#define STATE_NOTE "somebody wrote "

/* The state of the end that wrote @e, which was @state before. */
static unsigned int state_after(const struct timeline_entry *e, unsigned int state)
{
	const char *wrote = strstr(e->text, STATE_NOTE);
	int now;

	switch (e->kind) {
	case TIMELINE_STATE:
		return e->own;
	case TIMELINE_DRIVER:
		if (!strcmp(e->text, "probe()"))
			return e->own ? e->own : XenbusStateInitialising;
		return strcmp(e->text, "remove()") ? state : 0;
	case TIMELINE_NOTE:
		now = wrote ? timeline_state_number(wrote + strlen(STATE_NOTE)) : -1;
		if (now >= 0)
			return (unsigned int)now;
		return strcmp(e->text, "instance vanished") && strcmp(e->text, "instance replaced") ? state
												    : 0;
	case TIMELINE_PROGRAM:
		return 0;
	default:
		return state;
	}
}

/* The state of @story's entry @at went out with the last thing that the same end asked of the store. */
static size_t went_out(const struct timeline_story *story, size_t at)
{
	const struct timeline_entry *e = story->entries;

	for (size_t i = at; i-- > 0;) {
		if (e[i].is_backend != e[at].is_backend)
			continue;
		if (e[i].kind == TIMELINE_STORE)
			return i;
		if (e[i].kind == TIMELINE_STATE)
			break;
	}
	return at;
}

/* Of the states of one end that the other has not seen yet, the last of each value. */
struct unseen {
	size_t at[XENBUS_STATES];
};

/* The write, still unseen, of the state that entry @at saw; one that the writer heard of only afterwards included. */
static size_t find_write(const struct timeline_story *story, const struct timeline_link *links, size_t at,
			 int state, const struct unseen *unseen)
{
	const struct timeline_entry *e = story->entries;

	if (unseen->at[state] != TIMELINE_NONE)
		return unseen->at[state];
	for (size_t i = at + 1; i < story->count; i++) {
		if (e[i].is_backend == e[at].is_backend || e[i].kind != TIMELINE_STATE)
			continue;
		if (e[i].own == (unsigned int)state && links[i].written < at)
			return i;
		return TIMELINE_NONE;
	}
	return TIMELINE_NONE;
}

static void link_sights(const struct timeline_story *story, struct timeline_link *links)
{
	struct unseen unseen[2];

	for (int state = 0; state < XENBUS_STATES; state++)
		unseen[0].at[state] = unseen[1].at[state] = TIMELINE_NONE;
	for (size_t i = 0; i < story->count; i++) {
		const struct timeline_entry *e = &story->entries[i];
		int seen = timeline_seen_state(e);

		if (e->kind == TIMELINE_STATE && e->own < XENBUS_STATES && links[i].seen == TIMELINE_NONE)
			unseen[e->is_backend].at[e->own] = i;
		if (seen < 0)
			continue;
		links[i].seen = find_write(story, links, i, seen, &unseen[!e->is_backend]);
		if (links[i].seen == TIMELINE_NONE)
			continue;
		links[links[i].seen].seen = i;
		/* What was written before that has been overwritten unseen. */
		for (int state = 0; state < XENBUS_STATES; state++)
			if (unseen[!e->is_backend].at[state] <= links[i].seen)
				unseen[!e->is_backend].at[state] = TIMELINE_NONE;
	}
}

struct timeline_link *timeline_link(const struct timeline_story *story)
{
	struct timeline_link *links = calloc(story->count, sizeof(*links));
	bool known[2] = { false, false };
	unsigned int states[2] = { 0, 0 };

	if (!links)
		return NULL;
	for (size_t i = 0; i < story->count; i++) {
		const struct timeline_entry *e = &story->entries[i];

		if (!known[e->is_backend]) /* the ring may begin in the middle of a life */
			states[e->is_backend] = e->own;
		known[e->is_backend] = true;
		states[e->is_backend] = state_after(e, states[e->is_backend]);
		links[i].state = states[e->is_backend];
		links[i].seen = TIMELINE_NONE;
		links[i].written = e->kind == TIMELINE_STATE ? went_out(story, i) : i;
	}
	link_sights(story, links);
	return links;
}
