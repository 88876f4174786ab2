/* SPDX-License-Identifier: MIT */
/* GET/SET_FEATURE, GET/SET_QUOTA, CONTROL quota: what holds for which domain, how far each came, and that a dump keeps it. */
#include "store_world.h"

static struct store_domain_stats stats_of(const struct world *w, uint32_t domid)
{
	struct store_domain_stats st;

	assert_int_equal(store_domain_stats(w->store, domid, &st), 0);
	return st;
}

static struct store_quota_use use_of(const struct world *w, uint32_t domid, enum store_quota_kind kind)
{
	return stats_of(w, domid).quota[kind];
}

static void make_home(struct world *w, uint32_t c, uint32_t domid)
{
	char request[128];

	snprintf(request, sizeof(request), "MKDIR /local/domain/%u|", domid);
	says(w, c, request, "OK|");
	snprintf(request, sizeof(request), "SET_PERMS /local/domain/%u|n%u|", domid, domid);
	says(w, c, request, "OK|");
}

/* A tool's connection, and the rings of domains 5 and 6, which own their homes. */
static struct world *two_guests(uint32_t *c, uint32_t *five, uint32_t *six)
{
	struct world *w = world_new();

	*c = world_connect(w);
	*five = world_introduce(w, 5);
	*six = world_introduce(w, 6);
	make_home(w, *c, 5);
	make_home(w, *c, 6);
	return w;
}

/* Goes on in a store loaded from the world's dump. */
static void live_update(struct world *w)
{
	const char *why = "";
	struct store *copy;
	uint8_t *data;
	size_t len;

	assert_int_equal(store_dump(w->store, &data, &len), 0);
	assert_int_equal(store_new(&w->config, &copy), 0);
	if (store_load(copy, data, len, &why))
		fail_msg("%s", why);
	free(data);
	store_free(w->store);
	w->store = copy;
}

static uint32_t until_refused(struct world *w, uint32_t conn, const char *format, const char *error)
{
	for (uint32_t i = 0;; i++) {
		char request[128];
		const char *answer;

		snprintf(request, sizeof(request), format, i);
		answer = world_ask(w, conn, 0, request);
		if (!strcmp(answer, "OK|"))
			continue;
		assert_string_equal(answer, error);
		return i;
	}
}

/* -- features */

static void features_are_set_before_a_domain_is_introduced(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);

	says(w, c, "GET_FEATURE ", "15|");
	says(w, c, "GET_FEATURE |", "15|");
	says(w, c, "GET_FEATURE 5|", "15|");
	says(w, c, "SET_FEATURE 5|3|", "EBUSY|");
	says(w, c, "SET_FEATURE 5|16|", "EBUSY|");
	says(w, c, "SET_FEATURE 0|3|", "EBUSY|");
	says(w, c, "SET_FEATURE 9|3|", "ENOENT|");
	says(w, c, "GET_FEATURE 9|", "ENOENT|");
	says(w, c, "SET_FEATURE 32752|3|", "ENOENT|");
	w->exists[9] = true;
	says(w, c, "GET_FEATURE 9|", "15|");
	says(w, c, "SET_FEATURE 9|16|", "EINVAL|");
	says(w, c, "SET_FEATURE 9|4294967295|", "EINVAL|");
	says(w, c, "SET_FEATURE 9|x|", "EINVAL|");
	says(w, c, "SET_FEATURE 9|", "EINVAL|");
	says(w, c, "SET_FEATURE 9|3|4|", "EINVAL|");
	says(w, c, "SET_FEATURE x|3|", "EINVAL|");
	says(w, c, "GET_FEATURE x|", "EINVAL|");
	says(w, c, "GET_FEATURE 9|9|", "EINVAL|");
	says(w, c, "SET_FEATURE 9|5|", "OK|");
	says(w, c, "GET_FEATURE 9|", "5|");
	says(w, c, "SET_FEATURE 9|2|", "OK|");
	assert_int_equal(stats_of(w, 9).features, 2);
	world_introduce(w, 9);
	says(w, c, "SET_FEATURE 9|15|", "EBUSY|");
	says(w, c, "GET_FEATURE 9|", "2|");
	world_kill(w, 9);
	world_introduce(w, 9);
	says(w, c, "GET_FEATURE 9|", "15|");
	world_end(w);
}

static void a_guest_learns_its_own_features_only(void **state)
{
	uint32_t c, five, six, nine;
	struct world *w = two_guests(&c, &five, &six);

	w->exists[9] = true;
	says(w, c, "SET_FEATURE 9|0|", "OK|");
	nine = world_introduce(w, 9);
	says(w, five, "GET_FEATURE ", "15|");
	says(w, nine, "GET_FEATURE |", "0|");
	says(w, nine, "GET_FEATURE 9|", "EACCES|");
	says(w, nine, "GET_FEATURE 5|", "EACCES|");
	says(w, nine, "SET_FEATURE 9|15|", "EACCES|");
	says(w, c, "GET_FEATURE ", "15|");
	world_end(w);
}

static void the_ring_is_offered_what_was_set(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	uint32_t features = 99;

	w->exists[9] = true;
	says(w, c, "SET_FEATURE 9|6|", "OK|");
	for (int again = 0; again < 2; again++) {
		says(w, c, "INTRODUCE 9|1|7|", "OK|");
		for (size_t i = 0; i < w->fx.count; i++)
			if (w->fx.list[i].type == STORE_OUT_MAP_RING)
				features = w->fx.list[i].features;
		assert_int_equal(features, 6);
	}
	world_end(w);
}

static void who_is_not_offered_depth_has_none(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	uint32_t g;

	w->exists[9] = true;
	says(w, c, "SET_FEATURE 9|11|", "OK|");
	g = world_introduce(w, 9);
	says(w, g, "WATCH x|t|1|", "EINVAL|");
	says(w, g, "WATCH x|t|", "OK|");
	world_end(w);
}

/* An entry that means nothing stays one that means nothing, in copies and in dumps, whoever reads it later. */
static void who_is_not_offered_domid_any_gives_nobody_anything(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	uint32_t g, six;

	w->exists[9] = true;
	says(w, c, "SET_FEATURE 9|7|", "OK|");
	g = world_introduce(w, 9);
	six = world_introduce(w, 6);
	make_home(w, c, 9);
	for (int loaded = 0; loaded < 2; loaded++) {
		says(w, g, "WRITE a|v", "OK|");
		says(w, g, "SET_PERMS a|n9|r32757|", "OK|");
		says(w, c, "GET_PERMS /local/domain/9/a|", "n9|r32757|");
		says(w, six, "READ /local/domain/9/a|", "EACCES|");
		says(w, g, "WRITE a/b|v", "OK|");
		says(w, six, "READ /local/domain/9/a/b|", "EACCES|");
		live_update(w);
		says(w, six, "READ /local/domain/9/a|", "EACCES|");
		says(w, c, "SET_PERMS /local/domain/9/a|n9|r32757|", "OK|");
		says(w, six, "READ /local/domain/9/a|", "v");
	}
	world_end(w);
}

/* -- quotas */

static void quotas_are_got_by_name(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);

	says(w, c, "GET_QUOTA ",
	     "nodes watches transactions node-size permissions path-max transaction-nodes outstanding memory "
	     "soft-memory versions|");
	says(w, c, "GET_QUOTA |", world_ask(w, c, 0, "GET_QUOTA "));
	says(w, c, "GET_QUOTA nodes|", "1000|");
	says(w, c, "GET_QUOTA soft-memory|", "2097152|");
	says(w, c, "GET_QUOTA versions|", "268435456|");
	says(w, c, "GET_QUOTA outstanding|", "20|");
	says(w, c, "GET_QUOTA 5|nodes|", "1000|");
	says(w, c, "GET_QUOTA 0|nodes|", "0|"); /* none holds for it */
	says(w, c, "GET_QUOTA 5|versions|", "EINVAL|");
	says(w, c, "GET_QUOTA 9|nodes|", "ENOENT|");
	says(w, c, "GET_QUOTA x|nodes|", "EINVAL|");
	says(w, c, "GET_QUOTA 5|nodes|x|", "EINVAL|");
	says(w, c, "GET_QUOTA soft-nodes|", "EINVAL|");
	says(w, c, "GET_QUOTA node|", "EINVAL|");
	w->exists[9] = true;
	says(w, c, "GET_QUOTA 9|nodes|", "1000|");
	assert_int_equal(store_next_domain(w->store, 6), -1); /* asking makes no instance */
	says(w, five, "GET_QUOTA ", "EACCES|");
	says(w, five, "GET_QUOTA 5|nodes|", "EACCES|");
	says(w, five, "SET_QUOTA nodes|5|", "EACCES|");
	world_end(w);
}

static void a_domains_own_limit_overrides_the_default(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);

	says(w, c, "SET_QUOTA 5|nodes|20|", "OK|");
	says(w, c, "GET_QUOTA 5|nodes|", "20|");
	says(w, c, "GET_QUOTA nodes|", "1000|");
	assert_int_equal(until_refused(w, five, "WRITE n%u|", "ENOSPC|"), 19);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).now, 20);
	says(w, c, "SET_QUOTA nodes|30|", "OK|");
	says(w, five, "WRITE more|", "ENOSPC|");
	assert_int_equal(until_refused(w, six, "WRITE n%u|", "ENOSPC|"), 29);
	says(w, c, "SET_QUOTA 5|nodes|21|", "OK|");
	says(w, five, "WRITE more|", "OK|");
	says(w, five, "WRITE still-more|", "ENOSPC|");
	says(w, c, "SET_QUOTA 5|nodes|0|", "OK|");
	for (int i = 0; i < 2000; i++) {
		char request[32];

		snprintf(request, sizeof(request), "WRITE m%d|", i);
		says(w, five, request, "OK|");
	}
	says(w, c, "SET_QUOTA 5|nodes|7|", "OK|"); /* less than it has: it keeps that, and gets no more */
	says(w, five, "WRITE n1|changed", "OK|");
	says(w, five, "WRITE new|", "ENOSPC|");
	says(w, c, "CONTROL quota|unset|nodes|5|", "OK|");
	says(w, c, "GET_QUOTA 5|nodes|", "30|");
	assert_false(use_of(w, 5, STORE_QUOTA_NODES).own);
	world_end(w);
}

static void what_cannot_be_a_limit_is_refused(void **state)
{
	static const char *const bad[] = {
		"SET_QUOTA ",
		"SET_QUOTA nodes|",
		"SET_QUOTA nodes|x|",
		"SET_QUOTA nodes|4294967296|",
		"SET_QUOTA nodes|-1|",
		"SET_QUOTA nonsense|1|",
		"SET_QUOTA x|nodes|1|",
		"SET_QUOTA 5|nodes|1|2|",
		"SET_QUOTA 5|versions|1|",
		"SET_QUOTA 65536|nodes|1|",
		"SET_QUOTA 5|nodes|",
		"SET_QUOTA nodes|5",
		"CONTROL quota|set|nodes|",
		"CONTROL quota|set|nodes|1|x|",
		"CONTROL quota|set|nodes|1|5|6|",
		"CONTROL quota|unset|nodes|",
		"CONTROL quota|unset|x|5|",
		"CONTROL quota|max|-x|",
		"CONTROL quota|max|-r|x|",
		"CONTROL quota|x|",
		"CONTROL quota|5|x|",
		"CONTROL quota-soft|set|nodes|1|",
		"CONTROL quota-soft|unset|nodes|5|",
	};
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strcmp(world_ask(w, c, 0, bad[i]), "EINVAL|"))
			fail_msg("%s: %s", bad[i], w->reply);
	says(w, c, "SET_QUOTA 9|nodes|1|", "ENOENT|");
	says(w, c, "CONTROL quota|set|nodes|1|9|", "ENOENT|");
	says(w, c, "CONTROL quota|9|", "ENOENT|");
	says(w, c, "SET_QUOTA versions|18446744073709551615|", "OK|");
	says(w, c, "GET_QUOTA versions|", "18446744073709551615|");
	says(w, c, "GET_QUOTA nodes|", "1000|");
	assert_false(use_of(w, 5, STORE_QUOTA_NODES).own);
	world_end(w);
}

static void fill_with(char *request, char what, size_t count)
{
	const size_t at = strlen(request);

	memset(request + at, what, count);
	request[at + count] = '\0';
}

/* Each kind: set to a small number for domain 5 alone, it is that number for 5 and the default for 6. */
static void every_kind_can_be_a_domains_own(void **state)
{
	uint32_t c, five, six, tx;
	struct world *w = two_guests(&c, &five, &six);
	char request[3000];

	says(w, c, "SET_QUOTA 5|watches|2|", "OK|");
	assert_int_equal(until_refused(w, five, "WATCH w%u|t|", "E2BIG|"), 2);
	assert_int_equal(until_refused(w, six, "WATCH w%u|t|", "E2BIG|"), 128);
	says(w, c, "SET_QUOTA 5|transactions|1|", "OK|");
	tx = world_begin(w, five);
	says(w, five, "TRANSACTION_START |", "ENOSPC|");
	says(w, c, "SET_QUOTA 5|transaction-nodes|2|", "OK|");
	says_in(w, five, tx, "READ a|", "ENOENT|");
	says_in(w, five, tx, "READ b|", "ENOENT|");
	says_in(w, five, tx, "READ c|", "ENOSPC|");
	says(w, c, "SET_QUOTA 5|permissions|1|", "OK|");
	says(w, five, "WRITE p|", "OK|");
	says(w, five, "SET_PERMS p|n5|r6|", "ENOSPC|");
	says(w, six, "WRITE p|", "OK|");
	says(w, six, "SET_PERMS p|n6|r5|", "OK|");
	says(w, c, "SET_QUOTA 5|node-size|10|", "OK|");
	says(w, five, "WRITE p|12", "OK|");
	says(w, five, "WRITE p|123", "ENOSPC|");
	says(w, six, "WRITE p|123", "OK|");
	says(w, c, "SET_QUOTA 5|path-max|3|", "OK|");
	says(w, five, "READ abc|", "ENOENT|");
	says(w, five, "READ abcd|", "EINVAL|");
	says(w, six, "READ abcd|", "ENOENT|");
	says(w, c, "SET_QUOTA 5|path-max|0|", "OK|");
	says(w, c, "SET_QUOTA 5|node-size|0|", "OK|");
	snprintf(request, sizeof(request), "SET_QUOTA 5|memory|%u|", (unsigned)stats_of(w, 5).memory + 1000);
	says(w, c, request, "OK|");
	strcpy(request, "WRITE q|");
	fill_with(request, 'v', 1100);
	says(w, five, request, "ENOMEM|");
	strcpy(request, "WRITE q|");
	fill_with(request, 'v', 700);
	says(w, five, request, "OK|");
	assert_true(use_of(w, 5, STORE_QUOTA_MEMORY).max <= use_of(w, 5, STORE_QUOTA_MEMORY).limit);
	assert_int_equal(store_domain_limit(w->store, 5, STORE_QUOTA_WATCHES), 2);
	assert_int_equal(store_domain_limit(w->store, 6, STORE_QUOTA_WATCHES), 128);
	assert_int_equal(store_domain_limit(w->store, 7, STORE_QUOTA_WATCHES), 128);
	assert_int_equal(store_domain_limit(w->store, 0, STORE_QUOTA_WATCHES), 0);
	world_end(w);
}

/* A guest that may write into nodes of dom0 is held to its own limits there, not by all that dom0 has. */
static void what_dom0_pays_for_is_held_to_no_limit(void **state)
{
	uint32_t c, five, six, tx;
	struct world *w = two_guests(&c, &five, &six);

	says(w, c, "WRITE /shared|", "OK|");
	says(w, c, "SET_PERMS /shared|b0|", "OK|");
	says(w, c, "SET_QUOTA nodes|5|", "OK|");
	says(w, c, "SET_QUOTA memory|1000|", "OK|");
	for (int i = 0; i < 100; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE /dom0s/n%d|1234567890", i);
		says(w, c, request, "OK|");
	}
	assert_true(stats_of(w, 0).memory > 1000 && stats_of(w, 0).nodes > 5);
	says(w, five, "WRITE /shared|some more bytes than there were", "OK|");
	tx = world_begin(w, five);
	says_in(w, five, tx, "WRITE /shared|a few more bytes than there were before", "OK|");
	says_in(w, five, tx, "TRANSACTION_END T|", "OK|");
	world_end(w);
}

/* -- maxima and refusals */

static void the_most_there_was_is_kept(void **state)
{
	uint32_t c, five, six, tx;
	struct world *w = two_guests(&c, &five, &six);
	uint64_t memory;

	for (int i = 0; i < 4; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE n%d|1234567890", i);
		says(w, five, request, "OK|");
		snprintf(request, sizeof(request), "WATCH n%d|t|", i);
		says(w, five, request, "OK|");
		world_begin(w, five);
	}
	tx = world_begin(w, five);
	says_in(w, five, tx, "READ n1|", "1234567890");
	says_in(w, five, tx, "READ nothing|", "ENOENT|");
	says_in(w, five, tx, "SET_PERMS n1|n5|r1|r2|", "OK|");
	memory = stats_of(w, 5).memory;
	assert_int_equal(use_of(w, 5, STORE_QUOTA_MEMORY).max, memory + WIRE_HEADER_SIZE + sizeof("OK"));
	assert_int_equal(use_of(w, 5, STORE_QUOTA_TX_NODES).now, 2);
	says(w, five, "RESET_WATCHES |", "OK|");
	says(w, five, "RM n0|", "OK|");
	world_settle(w);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).now, 4);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).max, 5);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_WATCHES).now, 0);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_WATCHES).max, 4);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_TRANSACTIONS).now, 0);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_TRANSACTIONS).max, 5);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_TX_NODES).max, 2);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_PERMS).max, 3);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODE_SIZE).max, 10 + 3 * 8);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_PATH).max,
			 strlen("n1")); /* of a request that was answered with more than an error */
	assert_int_equal(use_of(w, 5, STORE_QUOTA_OUTSTANDING).max, 1);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_OUTSTANDING).now, 0);
	assert_true(use_of(w, 5, STORE_QUOTA_MEMORY).now < memory);
	assert_true(use_of(w, 5, STORE_QUOTA_MEMORY).max >= memory);
	world_end(w);
}

/* A request that is refused reached nothing. */
static void what_was_refused_is_no_maximum(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);

	says(w, c, "SET_QUOTA 5|node-size|100|", "OK|");
	says(w, c, "SET_QUOTA 5|nodes|3|", "OK|");
	says(w, five, "WRITE a|12", "OK|");
	says(w, five, "WRITE b|", "OK|");
	says(w, five, "WRITE c|1234567890", "ENOSPC|"); /* for the nodes, though the size was allowed */
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODE_SIZE).max, 10);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).max, 3);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).refused, 1);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODE_SIZE).refused, 0);
	world_end(w);
}

static void the_largest_of_all_outlives_its_domain_until_reset(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);

	for (int i = 0; i < 50; i++) {
		char request[32];

		snprintf(request, sizeof(request), "WRITE n%d|", i);
		says(w, i < 40 ? five : six, request, "OK|");
	}
	assert_int_equal(store_quota_max(w->store, STORE_QUOTA_NODES), 41);
	world_kill(w, 5);
	world_settle(w);
	assert_int_equal(store_quota_max(w->store, STORE_QUOTA_NODES), 41);
	assert_non_null(strstr(world_ask(w, c, 0, "CONTROL quota|max|"), "nodes            :       41 "));
	live_update(w);
	assert_int_equal(store_quota_max(w->store, STORE_QUOTA_NODES), 41);
	says(w, six, "RM n49|", "OK|");
	world_settle(w);
	assert_int_equal(use_of(w, 6, STORE_QUOTA_NODES).max, 11);
	says(w, c, "CONTROL quota|max|-r|", "OK|");
	assert_int_equal(use_of(w, 6, STORE_QUOTA_NODES).max, 10);
	assert_int_equal(store_quota_max(w->store, STORE_QUOTA_NODES), 10);
	assert_non_null(strstr(world_ask(w, c, 0, "CONTROL quota-soft|max|"), "memory           : "));
	world_end(w);
}

/* Once a kind and domain, and every time counted. */
static void refusals_are_counted_by_kind(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);
	const char *log;

	says(w, c, "SET_QUOTA watches|1|", "OK|");
	says(w, c, "SET_QUOTA nodes|2|", "OK|");
	for (int i = 0; i < 3; i++) {
		until_refused(w, five, "WATCH w%u|t|", i ? "EEXIST|" : "E2BIG|");
		says(w, five, "WATCH again|t|", "E2BIG|");
	}
	until_refused(w, five, "WRITE n%u|", "ENOSPC|");
	until_refused(w, six, "WRITE n%u|", "ENOSPC|");
	assert_int_equal(use_of(w, 5, STORE_QUOTA_WATCHES).refused, 4);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).refused, 1);
	log = "domain 5: quota watches (1) refused: WATCH /local/domain/5/w1\n"
	      "domain 5: quota nodes (2) refused: WRITE /local/domain/5/n1\n"
	      "domain 6: quota nodes (2) refused: WRITE /local/domain/6/n1\n";
	assert_string_equal(w->log, log);
	live_update(w); /* does not say it again */
	says(w, five, "WATCH again|t|", "E2BIG|");
	assert_int_equal(use_of(w, 5, STORE_QUOTA_WATCHES).refused, 5);
	assert_string_equal(w->log, log);
	world_end(w);
}

static void a_commit_that_a_quota_forbids_is_a_refusal(void **state)
{
	uint32_t c, five, six, one, two;
	struct world *w = two_guests(&c, &five, &six);

	says(w, c, "SET_QUOTA 5|nodes|3|", "OK|");
	one = world_begin(w, five);
	two = world_begin(w, five);
	says_in(w, five, one, "WRITE a/b|", "OK|");
	says_in(w, five, two, "WRITE c/d|", "OK|");
	says_in(w, five, one, "TRANSACTION_END T|", "OK|");
	says_in(w, five, two, "TRANSACTION_END T|", "EAGAIN|");
	assert_string_equal(w->log, "domain 5: quota nodes (3) refused: TRANSACTION_END /local/domain/5/c\n");
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).refused, 1);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).max, 3);
	world_end(w);
}

static void untaken_replies_are_counted_and_told_at_the_limit(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);
	struct store_input in = { .type = STORE_IN_DRAINED, .conn = five, .bytes = 1 };

	says(w, c, "SET_QUOTA 5|outstanding|3|", "OK|");
	w->hold_output = true;
	for (int i = 0; i < 3; i++)
		says(w, five, "READ nothing|", "ENOENT|");
	assert_int_equal(use_of(w, 5, STORE_QUOTA_OUTSTANDING).now, 3);
	assert_string_equal(w->log,
			    "domain 5: quota outstanding (3) reached: READ /local/domain/5/nothing\n");
	world_apply(w, &in);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_OUTSTANDING).now, 3);
	in.bytes = WIRE_HEADER_SIZE + sizeof("ENOENT") - 1;
	in.replies = 1;
	world_apply(w, &in);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_OUTSTANDING).now, 2);
	in.bytes = in.replies = UINT32_MAX;
	world_apply(w, &in);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_OUTSTANDING).now, 0);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_OUTSTANDING).max, 3);
	world_end(w);
}

static void a_dump_keeps_limits_features_and_maxima(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);

	w->exists[9] = true;
	says(w, c, "SET_FEATURE 9|4|", "OK|");
	says(w, c, "SET_QUOTA 9|watches|3|", "OK|");
	says(w, c, "SET_QUOTA 5|nodes|0|", "OK|");
	says(w, c, "SET_QUOTA 5|soft-memory|77|", "OK|");
	says(w, c, "SET_QUOTA outstanding|9|", "OK|");
	says(w, c, "SET_QUOTA versions|5000000000|", "OK|");
	says(w, five, "WRITE a|", "OK|");
	says(w, five, "RM a|", "OK|");
	world_settle(w);
	live_update(w);
	says(w, c, "GET_FEATURE 9|", "4|");
	says(w, c, "GET_FEATURE 5|", "15|");
	says(w, c, "GET_QUOTA 9|watches|", "3|");
	says(w, c, "GET_QUOTA 9|nodes|", "1000|");
	says(w, c, "GET_QUOTA 5|nodes|", "0|");
	says(w, c, "GET_QUOTA 5|soft-memory|", "77|");
	says(w, c, "GET_QUOTA outstanding|", "9|");
	says(w, c, "GET_QUOTA versions|", "5000000000|");
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).max, 2);
	assert_int_equal(use_of(w, 5, STORE_QUOTA_NODES).now, 1);
	world_end(w);
}

/* -- memory */

/* Nodes that share a list share its cost; a list of one's own is one's own cost, and refused at the limit. */
static void permission_lists_are_paid_for(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);
	uint64_t before, one;
	char request[128];

	says(w, five, "WRITE a|", "OK|");
	says(w, five, "WRITE b|", "OK|");
	before = stats_of(w, 5).memory;
	says(w, five, "SET_PERMS a|n5|r1|", "OK|");
	one = stats_of(w, 5).memory - before;
	assert_true(one > 0);
	says(w, five, "SET_PERMS b|n5|r1|", "OK|");
	assert_int_equal(stats_of(w, 5).memory, before + one);
	says(w, five, "SET_PERMS a|n5|", "OK|");
	says(w, five, "SET_PERMS b|n5|", "OK|");
	assert_int_equal(stats_of(w, 5).memory, before);
	snprintf(request, sizeof(request), "SET_QUOTA 5|memory|%u|", (unsigned)(before + one));
	says(w, c, request, "OK|");
	says(w, five, "SET_PERMS a|n5|r1|", "OK|");
	says(w, five, "SET_PERMS b|n5|r2|", "ENOMEM|");
	assert_int_equal(stats_of(w, 5).memory, before + one);
	assert_true(use_of(w, 5, STORE_QUOTA_MEMORY).max <=
		    before + one + WIRE_HEADER_SIZE + sizeof("ENOMEM"));
	world_end(w);
}

/* However deep the paths are that it looks at in a transaction. */
static void an_overlay_never_passes_the_limit(void **state)
{
	uint32_t c, five, six, tx;
	struct world *w = two_guests(&c, &five, &six);
	char request[2100] = "READ x";
	bool refused = false;

	says(w, c, "SET_QUOTA 5|memory|50000|", "OK|");
	says(w, c, "SET_QUOTA 5|transaction-nodes|0|", "OK|");
	says(w, five, "WRITE x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x|", "OK|");
	for (int i = 0; i < 900; i++)
		strcat(request, "/x");
	strcat(request, "|");
	tx = world_begin(w, five);
	for (int i = 0; i < 1000 && !refused; i++) {
		char here[64];

		snprintf(here, sizeof(here), "WRITE y%d/x/x/x/x/x/x/x/x|", i);
		refused = !strcmp(world_ask(w, five, tx, here), "ENOMEM|");
		assert_true(stats_of(w, 5).memory <= 50000);
	}
	assert_true(refused);
	world_ask(w, five, tx, request);
	assert_true(use_of(w, 5, STORE_QUOTA_MEMORY).max <= 50000);
	says_in(w, five, tx, "TRANSACTION_END F|", "OK|");
	assert_true(stats_of(w, 5).memory < 5000);
	world_end(w);
}

/* An event that would pass it is dropped, and that is told like any refusal. */
static void a_dropped_event_is_a_refusal(void **state)
{
	uint32_t c, five, six;
	struct world *w = two_guests(&c, &five, &six);

	says(w, c, "SET_QUOTA 5|memory|4000|", "OK|");
	says(w, five, "WATCH /local/domain/5|t|", "OK|");
	w->hold_output = true;
	for (int i = 0; i < 100; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE /local/domain/5/n%d|", i % 7);
		says(w, c, request, "OK|");
		snprintf(request, sizeof(request), "RM /local/domain/5/n%d|", i % 7);
		says(w, c, request, "OK|");
		snprintf(request, sizeof(request), "WRITE /local/domain/5/m/%d|", i);
		says(w, c, request, "OK|");
		says(w, c, "RM /local/domain/5/m|", "OK|");
		world_settle(w);
	}
	assert_true(use_of(w, 5, STORE_QUOTA_MEMORY).refused > 10);
	assert_non_null(
		strstr(w->log, "domain 5: quota memory (4000) refused: WATCH_EVENT /local/domain/5/"));
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_are_set_before_a_domain_is_introduced),
		cmocka_unit_test(a_guest_learns_its_own_features_only),
		cmocka_unit_test(the_ring_is_offered_what_was_set),
		cmocka_unit_test(who_is_not_offered_depth_has_none),
		cmocka_unit_test(who_is_not_offered_domid_any_gives_nobody_anything),
		cmocka_unit_test(quotas_are_got_by_name),
		cmocka_unit_test(a_domains_own_limit_overrides_the_default),
		cmocka_unit_test(what_cannot_be_a_limit_is_refused),
		cmocka_unit_test(every_kind_can_be_a_domains_own),
		cmocka_unit_test(what_dom0_pays_for_is_held_to_no_limit),
		cmocka_unit_test(the_most_there_was_is_kept),
		cmocka_unit_test(what_was_refused_is_no_maximum),
		cmocka_unit_test(the_largest_of_all_outlives_its_domain_until_reset),
		cmocka_unit_test(refusals_are_counted_by_kind),
		cmocka_unit_test(a_commit_that_a_quota_forbids_is_a_refusal),
		cmocka_unit_test(untaken_replies_are_counted_and_told_at_the_limit),
		cmocka_unit_test(a_dump_keeps_limits_features_and_maxima),
		cmocka_unit_test(permission_lists_are_paid_for),
		cmocka_unit_test(an_overlay_never_passes_the_limit),
		cmocka_unit_test(a_dropped_event_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
