/* SPDX-License-Identifier: MIT */
/* Limits hold to the last one, refusals change nothing, refunds are exact, dom0 is held by none. */
#include <time.h>
#include "store_world.h"

static struct world *guest_world(const struct store_quota *q, uint32_t *c, uint32_t *g)
{
	struct world *w = world_new_with(q);

	*c = world_connect(w);
	*g = world_introduce(w, 5);
	says(w, *c, "MKDIR /local/domain/5|", "OK|");
	says(w, *c, "SET_PERMS /local/domain/5|n5|", "OK|");
	return w;
}

static struct store_quota defaults(void)
{
	struct store_quota q;

	store_quota_defaults(&q);
	return q;
}

static uint32_t nodes_of(struct world *w, uint32_t domid)
{
	struct store_domain_stats st;

	assert_int_equal(store_domain_stats(w->store, domid, &st), 0);
	return st.nodes;
}

/* Asks for "format" with 0, 1, 2, ... until it is not OK; returns how many were. */
static uint32_t until_refused(struct world *w, uint32_t conn, uint32_t tx, const char *format,
			      const char *error)
{
	for (uint32_t i = 0;; i++) {
		char request[128];
		const char *answer;

		snprintf(request, sizeof(request), format, i);
		answer = world_ask(w, conn, tx, request);
		if (!strcmp(answer, "OK|"))
			continue;
		assert_string_equal(answer, error);
		return i;
	}
}

static void a_guest_has_exactly_1000_nodes(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);

	assert_int_equal(until_refused(w, g, 0, "WRITE n%u|", "ENOSPC|"), 999);
	assert_int_equal(nodes_of(w, 5), 1000);
	says(w, g, "WRITE n3|value", "OK|");
	says(w, g, "RM n3|", "OK|");
	says(w, g, "WRITE a/b|", "ENOSPC|");
	assert_int_equal(nodes_of(w, 5), 999);
	says(w, g, "READ a|", "ENOENT|");
	says(w, g, "WRITE a|", "OK|");
	says(w, c, "WRITE /local/domain/5/from-dom0|", "OK|");
	assert_int_equal(nodes_of(w, 5), 1001);
	world_end(w);
}

static void deep_removal_is_refunded_before_a_refusal(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);

	for (int round = 0; round < 5; round++) {
		assert_int_equal(until_refused(w, g, 0, "WRITE d/n%u|", "ENOSPC|"), 998);
		says(w, g, "RM d|", "OK|");
	}
	world_settle(w);
	assert_int_equal(nodes_of(w, 5), 1);
	world_end(w);
}

/* dom0's snapshot keeps the removed nodes, but the guest does not pay for them. */
static void a_snapshot_does_not_hold_a_guests_quota(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g, tx;
	struct world *w = guest_world(&q, &c, &g);

	for (int round = 0; round < 3; round++) {
		assert_int_equal(until_refused(w, g, 0, "WRITE d/n%u|", "ENOSPC|"), 998);
		tx = world_begin(w, c);
		says(w, g, "RM d|", "OK|");
	}
	assert_int_equal(until_refused(w, g, 0, "WRITE d/n%u|", "ENOSPC|"), 998);
	says_in(w, c, tx, "READ /local/domain/5/d/n900|", "");
	world_end(w);
}

static void in_a_transaction_the_net_counts(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g, tx;
	struct world *w = guest_world(&q, &c, &g);

	assert_int_equal(until_refused(w, g, 0, "WRITE d/n%u|", "ENOSPC|"), 998);
	tx = world_begin(w, g);
	says_in(w, g, tx, "WRITE x|", "ENOSPC|");
	says_in(w, g, tx, "RM d|", "OK|");
	assert_int_equal(until_refused(w, g, tx, "WRITE e/n%u|", "ENOSPC|"), 998);
	says_in(w, g, tx, "TRANSACTION_END T|", "OK|");
	assert_int_equal(nodes_of(w, 5), 1000);
	tx = world_begin(w, g);
	says_in(w, g, tx, "RM e/n0|", "OK|");
	says_in(w, g, tx, "WRITE y|", "OK|");
	says_in(w, g, tx, "WRITE z|", "ENOSPC|");
	says_in(w, g, tx, "RM y|", "OK|");
	says_in(w, g, tx, "WRITE z|", "OK|");
	says_in(w, g, tx, "TRANSACTION_END T|", "OK|");
	world_end(w);
}

static void a_commit_over_quota_by_now_ends_eagain(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g, tx;
	struct world *w = guest_world(&q, &c, &g);

	assert_int_equal(until_refused(w, g, 0, "WRITE d/n%u|", "ENOSPC|"), 998);
	says(w, g, "RM d/n1|", "OK|");
	tx = world_begin(w, g);
	says_in(w, g, tx, "WRITE x|", "OK|");
	says(w, g, "WRITE y|", "OK|");
	says_in(w, g, tx, "TRANSACTION_END T|", "EAGAIN|");
	says(w, g, "READ x|", "ENOENT|");
	assert_int_equal(nodes_of(w, 5), 1000);
	world_end(w);
}

/* Domain 0 may put a guest over its limit. What it has it may still change, in a transaction too. */
static void who_is_over_may_change_what_it_has(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g, tx;
	struct world *w;

	q.nodes = 3;
	w = guest_world(&q, &c, &g);
	for (int i = 0; i < 5; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE /local/domain/5/n%d|", i);
		says(w, c, request, "OK|");
	}
	assert_int_equal(nodes_of(w, 5), 6);
	tx = world_begin(w, g);
	says_in(w, g, tx, "WRITE n1|new", "OK|");
	says_in(w, g, tx, "WRITE more|", "ENOSPC|");
	says_in(w, g, tx, "TRANSACTION_END T|", "OK|");
	tx = world_begin(w, g);
	says_in(w, g, tx, "RM n2|", "OK|");
	says_in(w, g, tx, "WRITE instead|", "OK|");
	says_in(w, g, tx, "WRITE more|", "ENOSPC|");
	says_in(w, g, tx, "TRANSACTION_END T|", "OK|");
	says(w, g, "READ n1|", "new");
	assert_int_equal(nodes_of(w, 5), 6);
	world_end(w);
}

/* What it made for itself before it became a stub is not its target's. */
static void in_a_transaction_each_owner_pays_its_own(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g, stub, tx;
	struct world *w;

	q.nodes = 6;
	w = guest_world(&q, &c, &g);
	stub = world_introduce(w, 6);
	says(w, c, "MKDIR /d|", "OK|");
	says(w, c, "SET_PERMS /d|b0|", "OK|");
	tx = world_begin(w, stub);
	assert_int_equal(until_refused(w, stub, tx, "WRITE /d/mine%u|", "ENOSPC|"), 6);
	says(w, c, "SET_TARGET 6|5|", "OK|");
	assert_int_equal(until_refused(w, stub, tx, "WRITE /d/its%u|", "ENOSPC|"), 5);
	says_in(w, stub, tx, "TRANSACTION_END T|", "OK|");
	assert_int_equal(nodes_of(w, 5), 6);
	assert_int_equal(nodes_of(w, 6), 6);
	world_end(w);
}

/* "VERB a/a/a...|", @depth names. */
static const char *deep(struct world *w, uint32_t conn, uint32_t tx, const char *verb, int depth)
{
	char request[4096];
	int at = snprintf(request, sizeof(request), "%s a", verb);

	for (int i = 1; i < depth; i++)
		at += snprintf(request + at, sizeof(request) - (size_t)at, "/a");
	snprintf(request + at, sizeof(request) - (size_t)at, "|");
	return world_ask(w, conn, tx, request);
}

/* All that a guest at its limit owns, one beneath the other, is written in a transaction that takes one away and makes one. */
static void an_end_at_the_limit_costs_less_than_what_led_to_it(void **state)
{
	const int depth = 990;
	const struct store_quota q = defaults();
	uint32_t c, g, tx;
	struct world *w = guest_world(&q, &c, &g);
	clock_t begin, led, end;

	assert_string_equal(deep(w, g, 0, "WRITE", depth), "OK|");
	assert_int_equal(until_refused(w, g, 0, "WRITE n%u|", "ENOSPC|"), 9);
	tx = world_begin(w, g);
	says_in(w, g, tx, "RM n0|", "OK|");
	says_in(w, g, tx, "WRITE m|", "OK|");
	begin = clock();
	for (int i = 1; i <= depth; i++)
		assert_string_equal(deep(w, g, tx, "WRITE", i), "OK|");
	led = clock();
	says_in(w, g, tx, "TRANSACTION_END T|", "OK|");
	end = clock();
	assert_true(end - led < led - begin);
	assert_int_equal(nodes_of(w, 5), 1000);
	world_end(w);
}

static void a_guest_has_exactly_128_watches(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);

	assert_int_equal(until_refused(w, g, 0, "WATCH w%u|t|", "E2BIG|"), 128);
	says(w, g, "UNWATCH w7|t|", "OK|");
	says(w, g, "WATCH one-more|t|", "OK|");
	says(w, g, "WATCH two-more|t|", "E2BIG|");
	world_end(w);
}

static void a_guest_has_exactly_10_transactions(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);

	for (int i = 0; i < 10; i++)
		world_begin(w, g);
	says(w, g, "TRANSACTION_START |", "ENOSPC|");
	says_in(w, g, 3, "TRANSACTION_END F|", "OK|");
	world_begin(w, g);
	says(w, g, "TRANSACTION_START |", "ENOSPC|");
	world_end(w);
}

static void a_list_has_exactly_5_entries(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);

	says(w, g, "WRITE x|", "OK|");
	says(w, g, "SET_PERMS x|n5|r1|r2|r3|r4|", "OK|");
	says(w, g, "SET_PERMS x|n5|r1|r2|r3|r4|r6|", "ENOSPC|");
	says(w, c, "SET_PERMS /local/domain/5/x|n5|r1|r2|r3|r4|r6|r7|", "OK|");
	world_end(w);
}

static void a_node_has_exactly_2048_bytes(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);
	char request[3000] = "WRITE x|";
	const size_t at = strlen(request);

	memset(request + at, 'v', 2040);
	says(w, g, request, "OK|");
	request[at + 2040] = 'v';
	says(w, g, request, "ENOSPC|");
	says(w, g, "SET_PERMS x|n5|r1|", "ENOSPC|");
	request[at + 2032] = '\0';
	says(w, g, request, "OK|");
	says(w, g, "SET_PERMS x|n5|r1|", "OK|");
	for (int i = 0; i < 600; i++) { /* children count for nothing */
		snprintf(request, sizeof(request), "MKDIR dir/a-rather-long-name-%d|", i);
		says(w, g, request, "OK|");
	}
	world_end(w);
}

static void a_path_has_exactly_2048_bytes_home_not_counted(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);
	char request[4096] = "READ ";

	memset(request + 5, 'p', 2048);
	strcpy(request + 5 + 2048, "|");
	says(w, g, request, "ENOENT|");
	strcpy(request + 5 + 2048, "p|");
	says(w, g, request, "EINVAL|");
	strcpy(request, "READ /local/domain/5/");
	memset(request + 21, 'p', 2048);
	strcpy(request + 21 + 2048, "|");
	says(w, g, request, "ENOENT|");
	strcpy(request + 21 + 2048, "p|");
	says(w, g, request, "EINVAL|");
	says(w, c, request, "ENOENT|");
	world_end(w);
}

static void a_transaction_touches_exactly_1024_nodes(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g, tx;
	struct world *w;

	q.transaction_nodes = 100;
	w = guest_world(&q, &c, &g);
	for (int i = 0; i < 200; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE d/n%d|", i);
		says(w, g, request, "OK|");
	}
	tx = world_begin(w, g);
	assert_int_equal(until_refused(w, g, tx, "WRITE d/n%u|x", "ENOSPC|"), 100);
	says_in(w, g, tx, "READ d/n5|", "x");
	says_in(w, g, tx, "READ d/n100|", "ENOSPC|");
	says_in(w, g, tx, "TRANSACTION_END T|", "OK|");
	says(w, g, "READ d/n99|", "x");
	world_end(w);
}

static void memory_is_refused_at_the_limit_and_refunded(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g, before;
	struct world *w;
	struct store_domain_stats st;
	char request[2100] = "WRITE n00|";

	q.memory_hard = 100000;
	q.memory_soft = 50000;
	w = guest_world(&q, &c, &g);
	memset(request + 10, 'v', 1900);
	for (before = 0;; before++) {
		const char *answer;

		request[7] = (char)('0' + before / 10);
		request[8] = (char)('0' + before % 10);
		answer = world_ask(w, g, 0, request);
		if (strcmp(answer, "OK|")) {
			assert_string_equal(answer, "ENOMEM|");
			break;
		}
		store_domain_stats(w->store, 5, &st);
		assert_true(st.memory <= q.memory_hard);
	}
	assert_int_equal(before, 47); /* of 64 + 8 + 2048 bytes, and the home */
	assert_non_null(strstr(w->log, "domain 5: quota soft-memory (50000) passed: WRITE"));
	assert_non_null(strstr(w->log, "domain 5: quota memory (100000) refused: WRITE"));
	says(w, g, "RM n07|", "OK|");
	says(w, g, request, "OK|");
	world_end(w);
}

static void watches_and_transactions_cost_memory(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w;
	struct store_domain_stats st;
	char request[4200] = "WATCH ";

	q.memory_hard = 300000;
	w = guest_world(&q, &c, &g);
	for (size_t i = 6; i < 6 + 2000; i += 2)
		memcpy(request + i, "x/", 2);
	strcpy(request + 6 + 1999, "|t|");
	for (int i = 0; i < 5; i++) { /* no two share a level */
		request[6] = (char)('a' + i);
		if (strcmp(world_ask(w, g, 0, request), "OK|"))
			break;
	}
	assert_string_equal(w->reply, "ENOMEM|");
	says(w, g, "RESET_WATCHES |", "OK|");
	store_domain_stats(w->store, 5, &st);
	assert_true(st.memory < 1000);
	world_end(w);
}

/* Up to its last byte an event to a stalled reader costs what it cost before: of those that no table of queued events has
 * room for, too. Of the writes up to the first that had an event dropped, each fires 128. */
static void the_last_events_of_a_stalled_reader_are_no_dearer(void **state)
{
	enum { MOST = 2000, BATCH = 80 };
	const struct store_quota q = defaults();
	clock_t took[MOST], early = 0, late = 0;
	struct store_stats st = { 0 };
	uint32_t c, g, n = 0;
	struct world *w = guest_world(&q, &c, &g);
	char request[64];

	for (int i = 0; i < 128; i++) {
		snprintf(request, sizeof(request), "WATCH w|%d|", i);
		says(w, g, request, "OK|");
	}
	w->hold_output = true;
	for (; n < MOST && !st.events_dropped; n++) {
		const clock_t begin = clock();

		snprintf(request, sizeof(request), "WRITE w/%u|", n);
		says(w, g, request, "OK|");
		took[n] = clock() - begin;
		store_stats(w->store, &st);
	}
	assert_in_range(n, 4 * BATCH, MOST - 1);
	for (uint32_t i = 0; i < BATCH; i++) {
		early += took[n - 3 * BATCH + i];
		late += took[n - BATCH + i];
	}
	assert_true(late < 4 * early);
	world_end(w);
}

/* Three guests hear of one write with 500 KB each. */
static void what_a_storm_took_is_given_back(void **state)
{
	const struct store_quota q = defaults();
	struct world *w = world_new_with(&q);
	const uint32_t c = world_connect(w);
	char request[4200], token[3900] = "";
	struct store_input write = { .type = STORE_IN_MESSAGE, .conn = c, .op = XS_WRITE };

	memset(token, 't', sizeof(token) - 1);
	says(w, c, "WRITE /w|", "OK|");
	says(w, c, "SET_PERMS /w|r0|", "OK|");
	for (uint32_t domid = 5; domid < 8; domid++) {
		const uint32_t guest = world_introduce(w, domid);

		for (int i = 0; i < 128; i++) {
			snprintf(request, sizeof(request), "WATCH /w|%s%d|", token, i);
			says(w, guest, request, "OK|");
		}
	}
	store_effects_clear(&w->fx);
	write.payload = "/w\0v";
	write.len = 4;
	assert_int_equal(store_apply(w->store, &write, &w->fx), 0);
	assert_int_equal(w->fx.count, 1 + 3 * 128);
	assert_true(w->fx.size > 3 * 128 * sizeof(token));
	store_effects_clear(&w->fx);
	assert_in_range(w->fx.size, 0, 1 << 20);
	assert_int_equal(w->fx.count, 0);
	for (uint32_t domid = 5; domid < 8; domid++)
		world_kill(w, domid);
	world_end(w);
}

/* Who names another as an owner is told that it may not, whatever the other has left, and nothing is noted of that one. */
static void a_guest_learns_nothing_of_anothers_memory(void **state)
{
	const struct store_quota q = defaults();
	struct store_domain_stats st;
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);

	world_introduce(w, 7);
	says(w, c, "WRITE /of-7|v", "OK|");
	says(w, c, "SET_PERMS /of-7|n7|", "OK|");
	says(w, c, "SET_QUOTA 7|memory|1|", "OK|");
	says(w, g, "SET_PERMS /local/domain/5|n7|", "EPERM|");
	says(w, g, "SET_PERMS /of-7|n7|", "EACCES|");
	says(w, g, "SET_PERMS @releaseDomain|n7|", "EACCES|");
	store_domain_stats(w->store, 7, &st);
	assert_int_equal(st.quota[STORE_QUOTA_MEMORY].refused, 0);
	assert_null(strstr(w->log, "domain 7"));
	world_end(w);
}

static void a_stalled_reader_is_not_fed(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w;
	struct store_domain_stats st;

	q.memory_hard = 20000;
	w = guest_world(&q, &c, &g);
	says(w, g, "WATCH d|t|", "OK|");
	w->hold_output = true;
	for (int i = 0; i < 2000; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE /local/domain/5/d%d|", i % 7);
		says(w, c, request, "OK|");
		snprintf(request, sizeof(request), "RM /local/domain/5/d%d|", i % 7);
		says(w, c, request, "OK|");
		snprintf(request, sizeof(request), "WRITE /local/domain/5/d/x%d|", i);
		says(w, c, request, "OK|");
		snprintf(request, sizeof(request), "RM /local/domain/5/d/x%d|", i);
		says(w, c, request, "OK|");
		world_settle(w);
		store_domain_stats(w->store, 5, &st);
		assert_true(st.memory <= q.memory_hard + 200);
	}
	world_end(w);
}

static void a_refusal_is_logged_once_and_escaped(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w;
	char *first;

	q.watches = 1;
	w = guest_world(&q, &c, &g);
	says(w, g, "WATCH @a|t|", "OK|");
	w->log[0] = '\0';
	says(w, g, "WATCH @evil\n\x1b[31m|t|", "E2BIG|");
	says(w, g, "WATCH @more|t|", "E2BIG|");
	first = strchr(w->log, '\n');
	assert_non_null(first);
	assert_string_equal(first, "\n");
	assert_string_equal(w->log, "domain 5: quota watches (1) refused: WATCH @evil\\x0a\\x1b[31m\n");
	world_end(w);
}

/* Who raised a limit wants to know that it is not enough. */
static void a_refusal_by_another_limit_is_logged_again(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w;

	q.transactions = 1;
	w = guest_world(&q, &c, &g);
	says(w, g, "TRANSACTION_START |", "1|");
	w->log[0] = '\0';
	for (int again = 0; again < 2; again++)
		says(w, g, "TRANSACTION_START |", "ENOSPC|");
	says(w, c, "CONTROL quota|set|transactions|2|5|", "OK|");
	says(w, g, "TRANSACTION_START |", "2|");
	for (int again = 0; again < 2; again++)
		says(w, g, "TRANSACTION_START |", "ENOSPC|");
	assert_string_equal(w->log, "domain 5: quota transactions (1) refused: TRANSACTION_START\n"
				    "domain 5: quota transactions (2) refused: TRANSACTION_START\n");
	world_end(w);
}

static void dom0_is_held_by_none(void **state)
{
	struct store_quota q = { .nodes = 1,
				 .watches = 1,
				 .transactions = 1,
				 .node_size = 1,
				 .perms = 1,
				 .path_max = 1,
				 .transaction_nodes = 1,
				 .memory_hard = 1 };
	struct world *w = world_new_with(&q);
	const uint32_t c = world_connect(w);
	uint32_t tx;

	says(w, c, "WRITE /a/b/c|value", "OK|");
	says(w, c, "SET_PERMS /a|n0|r1|r2|", "OK|");
	says(w, c, "WATCH /a|t|", "OK|");
	says(w, c, "WATCH /b|t|", "OK|");
	world_begin(w, c);
	tx = world_begin(w, c);
	says_in(w, c, tx, "WRITE /x/y/z|v", "OK|");
	says_in(w, c, tx, "WRITE /x/y/w|v", "OK|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	world_end(w);
}

static void zero_means_no_limit(void **state)
{
	const struct store_quota q = { .nodes = 0 };
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);

	for (int i = 0; i < 2000; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE n%d|", i);
		says(w, g, request, "OK|");
	}
	world_end(w);
}

static void a_reused_number_starts_with_empty_accounts(void **state)
{
	const struct store_quota q = defaults();
	uint32_t c, g;
	struct world *w = guest_world(&q, &c, &g);

	for (int round = 0; round < 3; round++) {
		assert_int_equal(until_refused(w, g, 0, "WRITE n%u|", "ENOSPC|"), 999);
		assert_int_equal(until_refused(w, g, 0, "WATCH n%u|t|", "E2BIG|"), 128);
		world_kill(w, 5);
		g = world_introduce(w, 5);
		says(w, c, "MKDIR /local/domain/5|", "OK|");
		says(w, c, "SET_PERMS /local/domain/5|n5|", "OK|");
	}
	world_end(w);
}

/* Over its memory quota by what its snapshot keeps: the oldest transaction answers on, and cannot commit. */
static void a_snapshot_that_costs_too_much_is_doomed(void **state)
{
	struct store_quota q = defaults();
	uint32_t c, g, tx, young;
	struct world *w;
	struct store_stats st;
	char request[2100];

	q.memory_hard = 100000;
	w = guest_world(&q, &c, &g);
	says(w, g, "WRITE mine|1", "OK|");
	for (int i = 0; i < 100; i++) {
		memset(request, 'v', sizeof(request));
		request[snprintf(request, 64, "WRITE /big/n%03d|", i)] = 'v';
		request[2000] = '\0';
		says(w, c, request, "OK|");
	}
	tx = world_begin(w, g);
	says_in(w, g, tx, "WRITE mine|2", "OK|");
	says(w, c, "WRITE /big/n001|", "OK|");
	young = world_begin(w, g);
	says(w, c, "RM /big|", "OK|");
	world_settle(w);
	store_stats(w->store, &st);
	assert_int_equal(st.dooms, 2);
	assert_int_equal(st.version_bytes, 0);
	says_in(w, g, tx, "READ mine|", "2");
	says_in(w, g, young, "READ mine|", "1");
	says(w, g, "WRITE late|now", "OK|");
	says_in(w, g, young, "READ late|", "now");
	says(w, g, "RM late|", "OK|");
	says_in(w, g, tx, "WRITE other/deep|2", "OK|");
	says_in(w, g, tx, "DIRECTORY |", "EINVAL|");
	says_in(w, g, tx, "DIRECTORY /local/domain/5|", "mine|other|");
	says(w, g, "RM mine|", "OK|");
	says_in(w, g, young, "READ mine|", "ENOENT|");
	says_in(w, g, tx, "READ mine|", "ENOENT|");
	assert_null(store_check(w->store));
	says_in(w, g, tx, "TRANSACTION_END T|", "EAGAIN|");
	says_in(w, g, young, "TRANSACTION_END F|", "OK|");
	assert_non_null(strstr(w->log, "EAGAIN"));
	world_end(w);
}

/* It made something beneath a node that was removed since: that is gone too, and may be made again. */
static void a_doom_is_logged_once(void **state)
{
	struct store_quota q = defaults();
	struct store_stats st;
	uint32_t c, g, tx;
	struct world *w;

	q.memory_hard = 10000;
	w = guest_world(&q, &c, &g);
	assert_int_equal(until_refused(w, g, 0, "WRITE n%u|", "ENOMEM|") > 10, 1);
	for (int i = 3; i < 11; i++) { /* room for a transaction, and for little else */
		char request[32];

		snprintf(request, sizeof(request), "RM n%d|", i);
		says(w, g, request, "OK|");
	}
	world_settle(w);
	for (int i = 0; i < 100; i++) {
		tx = world_begin(w, g);
		says(w, c, "WRITE /local/domain/5/n1|by-dom0", "OK|");
		says(w, c, "WRITE /local/domain/5/n2|by-dom0", "OK|");
		says_in(w, g, tx, "TRANSACTION_END F|", "OK|");
	}
	store_stats(w->store, &st);
	assert_true(st.dooms > 50);
	assert_non_null(strstr(w->log, "kept open too long"));
	assert_null(strstr(strstr(w->log, "kept open too long") + 1, "kept open too long"));
	world_end(w);
}

static void what_a_doomed_transaction_made_goes_with_what_it_stood_on(void **state)
{
	struct store_quota q = defaults();
	struct store_stats st;
	uint32_t c, tx;
	struct world *w;

	q.versions = 50;
	w = world_new_with(&q);
	c = world_connect(w);
	says(w, c, "WRITE /a|1", "OK|");
	tx = world_begin(w, c);
	says_in(w, c, tx, "WRITE /a/b/c|2", "OK|");
	says_in(w, c, tx, "WRITE /a|3", "OK|");
	says(w, c, "RM /a|", "OK|");
	store_stats(w->store, &st);
	assert_int_equal(st.dooms, 1);
	says_in(w, c, tx, "READ /a/b/c|", "ENOENT|");
	says_in(w, c, tx, "WRITE /a/b/c/d|4", "OK|");
	says_in(w, c, tx, "READ /a/b/c|", "");
	says_in(w, c, tx, "READ /a|", "");
	says(w, c, "WRITE /a/b|5", "OK|");
	assert_null(store_check(w->store));
	says_in(w, c, tx, "TRANSACTION_END T|", "EAGAIN|");
	world_end(w);
}

/* A doomed snapshot lets go of what died under it: much waits to be freed at once, and that is in order. */
static void the_check_knows_what_waits_to_be_freed(void **state)
{
	struct store_quota q = defaults();
	struct store_stats st;
	uint32_t c, tx;
	struct world *w;

	q.versions = 100;
	w = guest_world(&q, &c, &tx);
	says(w, c, "WRITE /a|1", "OK|");
	says(w, c, "SET_PERMS /a|b5|", "OK|");
	tx = world_begin(w, c);
	world_kill(w, 5);
	store_stats(w->store, &st);
	assert_int_equal(st.dooms, 1);
	assert_true(st.deferred_nodes > 1);
	assert_null(store_check(w->store));
	says_in(w, c, tx, "TRANSACTION_END F|", "OK|");
	world_end(w);
}

static void the_global_cap_dooms_the_oldest_whoever_it_is(void **state)
{
	struct store_quota q = defaults();
	struct store_stats st;
	uint32_t c, old, young;
	struct world *w;

	q.versions = 3000;
	w = world_new_with(&q);
	c = world_connect(w);
	says(w, c, "WRITE /a|1", "OK|");
	says(w, c, "WRITE /b|1", "OK|");
	old = world_begin(w, c);
	for (int i = 0; i < 100; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE /d/n%d|1", i);
		says(w, c, request, "OK|");
	}
	young = world_begin(w, c);
	for (int i = 0; i < 100; i++) {
		char request[64];

		snprintf(request, sizeof(request), "RM /d/n%d|", i);
		says(w, c, request, "OK|");
		store_stats(w->store, &st);
		assert_true(st.version_bytes <= q.versions);
	}
	says_in(w, c, young, "WRITE /a|2", "OK|");
	says_in(w, c, young, "TRANSACTION_END T|", "EAGAIN|");
	says_in(w, c, old, "WRITE /a|2", "OK|");
	says_in(w, c, old, "TRANSACTION_END T|", "EAGAIN|");
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_has_exactly_1000_nodes),
		cmocka_unit_test(deep_removal_is_refunded_before_a_refusal),
		cmocka_unit_test(a_snapshot_does_not_hold_a_guests_quota),
		cmocka_unit_test(in_a_transaction_the_net_counts),
		cmocka_unit_test(a_commit_over_quota_by_now_ends_eagain),
		cmocka_unit_test(who_is_over_may_change_what_it_has),
		cmocka_unit_test(in_a_transaction_each_owner_pays_its_own),
		cmocka_unit_test(an_end_at_the_limit_costs_less_than_what_led_to_it),
		cmocka_unit_test(a_guest_has_exactly_128_watches),
		cmocka_unit_test(a_guest_has_exactly_10_transactions),
		cmocka_unit_test(a_list_has_exactly_5_entries),
		cmocka_unit_test(a_node_has_exactly_2048_bytes),
		cmocka_unit_test(a_path_has_exactly_2048_bytes_home_not_counted),
		cmocka_unit_test(a_transaction_touches_exactly_1024_nodes),
		cmocka_unit_test(memory_is_refused_at_the_limit_and_refunded),
		cmocka_unit_test(watches_and_transactions_cost_memory),
		cmocka_unit_test(the_last_events_of_a_stalled_reader_are_no_dearer),
		cmocka_unit_test(what_a_storm_took_is_given_back),
		cmocka_unit_test(a_guest_learns_nothing_of_anothers_memory),
		cmocka_unit_test(a_stalled_reader_is_not_fed),
		cmocka_unit_test(a_refusal_is_logged_once_and_escaped),
		cmocka_unit_test(a_refusal_by_another_limit_is_logged_again),
		cmocka_unit_test(dom0_is_held_by_none),
		cmocka_unit_test(zero_means_no_limit),
		cmocka_unit_test(a_reused_number_starts_with_empty_accounts),
		cmocka_unit_test(a_snapshot_that_costs_too_much_is_doomed),
		cmocka_unit_test(a_doom_is_logged_once),
		cmocka_unit_test(what_a_doomed_transaction_made_goes_with_what_it_stood_on),
		cmocka_unit_test(the_check_knows_what_waits_to_be_freed),
		cmocka_unit_test(the_global_cap_dooms_the_oldest_whoever_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
