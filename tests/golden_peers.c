/* SPDX-License-Identifier: MIT */
/* The simulator's scripted Linux backends against what Linux was seen to do, row by row: tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <xen/io/xenbus.h>

#include "golden/table.h"

/* How the recording came to where a row begins; as in tests/lab/golden_back.c. */
static const struct {
	const char *before, *driver;
	const char *events[4];
} histories[] = {
	{ "waits", NULL, { NULL } },
	{ "answered", "blkback", { "keys frontend=3" } },
	{ "serves", "blkback", { "keys frontend=3", "frontend=4" } },
	{ "serves", "netback", { "keys frontend=4" } },
	{ "failed", NULL, { "frontend=9" } },
	{ "broken", "blkback", { "keys frontend=3", "frontend=4", "frontend=9" } },
	{ "broken", "netback", { "keys frontend=4", "frontend=9" } },
	{ "closing", NULL, { "frontend=5" } },
	{ "asked", "blkback", { "keys frontend=3", "frontend=4", "online=0 backend=5" } },
	{ "asked", "netback", { "keys frontend=4", "online=0 backend=5" } },
	{ "closed", NULL, { "frontend=6" } },
	{ "released", "blkback", { "keys frontend=3", "frontend=4", "frontend=6" } },
	{ "released", "netback", { "keys frontend=4", "frontend=6" } },
	{ "replaced", NULL, { "both-replaced" } },
	{ "undone", "blkback", { "keys frontend=3", "frontend=4", "both-replaced" } },
	{ "undone", "netback", { "keys frontend=4", "both-replaced" } },
	{ "reconfigured", "netback", { "frontend=7" } },
	{ "gone", NULL, { "online=0 frontend=6" } },
};

/* A device as the world outside the peer knows it. */
struct world {
	struct linux_peer peer;
	bool keys;	    /* the frontend's stand in its node */
	unsigned int state; /* of the backend's node; 0: none */
	unsigned int answers[2 * GOLDEN_ANSWERS], count;
};

static void write_state(struct world *w, unsigned int state)
{
	assert_true(w->count < 2 * GOLDEN_ANSWERS);
	w->answers[w->count++] = state;
	w->state = state;
}

static void tell(struct world *w, const char *event)
{
	unsigned int answers[GOLDEN_ANSWERS + 1];
	int count = linux_peer_event(&w->peer, event, w->state, answers);

	for (int i = 0; i < count; i++)
		write_state(w, answers[i]);
}

static bool is_alive(const struct world *w)
{
	return *w->peer.own && strcmp(w->peer.own, "gone") != 0;
}

/* The whole node came anew: whoever still has a device of that name sees a frontend that is Initialising. */
static void replaced(struct world *w)
{
	w->keys = false;
	w->state = XenbusStateInitialising;
	w->peer.online = true;
	if (is_alive(w))
		tell(w, "frontend=1");
	else
		write_state(w, linux_peer_probe(&w->peer));
}

/* The words of an event that concern the peer; the keys are what they were where none is named. */
static void frontend(struct world *w, const char *event)
{
	const char *state = strstr(event, "frontend=");
	char with_keys[64];

	w->keys = strstr(event, "-keys") ? false : w->keys || strstr(event, "keys ");
	if (strstr(event, "bad-keys"))
		snprintf(with_keys, sizeof(with_keys), "bad-keys %s", state);
	else if (state[9] == '3' || state[9] == '4')
		snprintf(with_keys, sizeof(with_keys), "%s %s", w->keys ? "keys" : "no-keys", state);
	else
		snprintf(with_keys, sizeof(with_keys), "%s", state);
	tell(w, with_keys);
}

static void happens(struct world *w, const char *event)
{
	if (strstr(event, "online=0"))
		w->peer.online = false;
	if (strstr(event, "backend=5"))
		w->state = XenbusStateClosing; /* the toolstack's word, not the driver's */
	if (strstr(event, "both-replaced")) {
		replaced(w);
	} else if (strstr(event, "backend-removed") || strstr(event, "both-removed")) {
		w->state = 0;
		strcpy(w->peer.own, "gone");
	} else if (strstr(event, "frontend-removed")) {
		tell(w, "frontend-removed");
	} else if (strstr(event, "frontend=")) {
		frontend(w, event);
	}
}

static bool go_to(struct world *w, const char *driver, const char *before)
{
	for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++) {
		if (strcmp(histories[i].before, before) != 0 ||
		    (histories[i].driver && strcmp(histories[i].driver, driver) != 0))
			continue;
		write_state(w, linux_peer_probe(&w->peer));
		for (const char *const *event = histories[i].events; *event; event++)
			happens(w, *event);
		return true;
	}
	return false;
}

static void expect_row(const struct golden_table *table, const char *driver, const struct golden_row *row)
{
	struct world w = { .peer.table = table };
	bool same;

	if (!go_to(&w, driver, row->before))
		fail_msg("%s: how does it come to be \"%s\"?", driver, row->before);
	w.count = 0;
	happens(&w, row->event);
	same = w.count == row->count && !memcmp(w.answers, row->answers, w.count * sizeof(w.answers[0]));
	/* What writes nothing may have changed its mind in silence: only whether it is there was to be seen then. */
	if (row->count)
		same = same && !strcmp(w.peer.own, row->after);
	else
		same = same && is_alive(&w) == (strcmp(row->after, "gone") != 0);
	if (!same || w.state != row->state)
		fail_msg("%s: %s | %s: %u answers, the last %u, state %u, %s; Linux: %u, state %u, %s",
			 driver, row->before, row->event, w.count, w.count ? w.answers[w.count - 1] : 0,
			 w.state, w.peer.own, row->count, row->state, row->after);
}

/* A disk that comes later is beyond the scripted peer: its rows are for reading. */
static bool is_of_disk(const struct golden_row *row)
{
	return !strcmp(row->before, "diskless") || !strcmp(row->before, "offered");
}

static void expect_all(const char *driver)
{
	static struct golden_table table;
	unsigned int line = 0, checked = 0;
	int err = golden_table_read(&table, driver, &line);

	if (err)
		fail_msg("tests/golden/%s.txt, line %u: %s", driver, line, strerror(-err));
	for (size_t i = 0; i < table.count; i++)
		if (!is_of_disk(&table.rows[i])) {
			expect_row(&table, driver, &table.rows[i]);
			checked++;
		}
	print_message("%s: %u rows as Linux\n", driver, checked);
	assert_true(checked >= 200);
}

static void linux_blkback_answers_as_blkback_did(void **state)
{
	expect_all("blkback");
}

static void linux_netback_answers_as_netback_did(void **state)
{
	expect_all("netback");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_blkback_answers_as_blkback_did),
		cmocka_unit_test(linux_netback_answers_as_netback_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
