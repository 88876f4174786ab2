/* SPDX-License-Identifier: MIT */
/* Transactions: what they see, and exactly when they end with EAGAIN. */
#include "store_world.h"

/* One row of the conflict matrix: in a transaction 'inside' is asked, then 'outside' happens, then a write
 * elsewhere makes it a transaction with writes, then it ends. The tree is /d, /d/a, /d/b, /d/a/sub, /other. */
struct row {
	const char *inside, *answer, *outside;
	const char *end;
};

static const struct row rows[] = {
	/* READ rests on the value. */
	{ "READ /d/a|", "1", "WRITE /d/a|2", "EAGAIN|" },
	{ "READ /d/a|", "1", "WRITE /d/a|1", "EAGAIN|" },
	{ "READ /d/a|", "1", "RM /d/a|", "EAGAIN|" },
	{ "READ /d/a|", "1", "RM /d|", "EAGAIN|" },
	{ "READ /d/a|", "1", "SET_PERMS /d/a|n0|r1|", "OK|" },
	{ "READ /d/a|", "1", "WRITE /d/a/new|", "OK|" },
	{ "READ /d/a|", "1", "WRITE /d/b|2", "OK|" },
	{ "READ /d/a|", "1", "WRITE /d|2", "OK|" },
	{ "READ /d/a|", "1", "MKDIR /d/a|", "OK|" },
	/* GET_PERMS, the list. */
	{ "GET_PERMS /d/a|", "n0|", "SET_PERMS /d/a|n0|r1|", "EAGAIN|" },
	{ "GET_PERMS /d/a|", "n0|", "SET_PERMS /d/a|n0|", "EAGAIN|" },
	{ "GET_PERMS /d/a|", "n0|", "WRITE /d/a|2", "OK|" },
	{ "GET_PERMS /d/a|", "n0|", "WRITE /d/a/new|", "OK|" },
	{ "GET_PERMS /d/a|", "n0|", "RM /d/a|", "EAGAIN|" },
	/* DIRECTORY and DIRECTORY_PART, the child list. */
	{ "DIRECTORY /d|", "a|b|", "WRITE /d/new|", "EAGAIN|" },
	{ "DIRECTORY /d|", "a|b|", "RM /d/b|", "EAGAIN|" },
	{ "DIRECTORY /d|", "a|b|", "WRITE /d/b|2", "OK|" },
	{ "DIRECTORY /d|", "a|b|", "WRITE /d|2", "OK|" },
	{ "DIRECTORY /d|", "a|b|", "WRITE /d/a/new|", "OK|" },
	{ "DIRECTORY /d|", "a|b|", "SET_PERMS /d|n0|r1|", "OK|" },
	{ "DIRECTORY /d|", "a|b|", "RM /d|", "EAGAIN|" },
	{ "DIRECTORY_PART /d|99|", NULL, "WRITE /d/new|", "EAGAIN|" },
	{ "DIRECTORY_PART /d|99|", NULL, "WRITE /d/b|2", "OK|" },
	/* WRITE, MKDIR, SET_PERMS, RM on what exists: its incarnation and list. */
	{ "WRITE /d/a|3", "OK|", "WRITE /d/a|2", "OK|" },
	{ "WRITE /d/a|3", "OK|", "SET_PERMS /d/a|n0|r1|", "EAGAIN|" },
	{ "WRITE /d/a|3", "OK|", "RM /d/a|", "EAGAIN|" },
	{ "WRITE /d/a|3", "OK|", "RM /d|", "EAGAIN|" },
	{ "WRITE /d/a|3", "OK|", "WRITE /d/a/new|", "OK|" },
	{ "WRITE /d/a|3", "OK|", "WRITE /d/b|", "OK|" },
	{ "WRITE /d/a|3", "OK|", "SET_PERMS /d|n0|r1|", "OK|" },
	{ "MKDIR /d/a|", "OK|", "WRITE /d/a|2", "OK|" },
	{ "MKDIR /d/a|", "OK|", "RM /d/a|", "EAGAIN|" },
	{ "MKDIR /d/a|", "OK|", "SET_PERMS /d/a|n0|r1|", "EAGAIN|" },
	{ "SET_PERMS /d/a|n0|", "OK|", "WRITE /d/a|2", "OK|" },
	{ "SET_PERMS /d/a|n0|", "OK|", "SET_PERMS /d/a|n0|r1|", "EAGAIN|" },
	{ "SET_PERMS /d/a|n0|", "OK|", "RM /d/a|", "EAGAIN|" },
	{ "RM /d/a|", "OK|", "WRITE /d/a|2", "OK|" },
	{ "RM /d/a|", "OK|", "WRITE /d/a/sub|2", "OK|" },
	{ "RM /d/a|", "OK|", "WRITE /d/a/new/deep|2", "OK|" },
	{ "RM /d/a|", "OK|", "SET_PERMS /d/a|n0|r1|", "EAGAIN|" },
	{ "RM /d/a|", "OK|", "RM /d/a|", "EAGAIN|" },
	/* A creation, and "absent": the first missing name, and the node above's incarnation and list. */
	{ "WRITE /d/x|1", "OK|", "WRITE /d/x|2", "EAGAIN|" },
	{ "WRITE /d/x/y|1", "OK|", "MKDIR /d/x|", "EAGAIN|" },
	{ "WRITE /d/x/y|1", "OK|", "WRITE /d/z|", "OK|" },
	{ "WRITE /d/x|1", "OK|", "WRITE /d/y|", "OK|" },
	{ "WRITE /d/x|1", "OK|", "RM /d/b|", "OK|" },
	{ "WRITE /d/x|1", "OK|", "WRITE /d|2", "OK|" },
	{ "WRITE /d/x|1", "OK|", "SET_PERMS /d|n0|r1|", "EAGAIN|" },
	{ "WRITE /d/x|1", "OK|", "RM /d|", "EAGAIN|" },
	{ "WRITE /d/a/x|1", "OK|", "RM /d|", "EAGAIN|" },
	{ "WRITE /d/a/x|1", "OK|", "SET_PERMS /d|n0|r1|", "OK|" },
	{ "MKDIR /d/x|", "OK|", "MKDIR /d/x|", "EAGAIN|" },
	{ "READ /d/x|", "ENOENT|", "WRITE /d/x|", "EAGAIN|" },
	{ "READ /d/x/y|", "ENOENT|", "WRITE /d/x|", "EAGAIN|" },
	{ "READ /d/x|", "ENOENT|", "WRITE /d/y|", "OK|" },
	{ "READ /d/x|", "ENOENT|", "SET_PERMS /d|n0|r1|", "EAGAIN|" },
	{ "DIRECTORY /d/x|", "ENOENT|", "MKDIR /d/x|", "EAGAIN|" },
	{ "GET_PERMS /d/x|", "ENOENT|", "MKDIR /d/x|", "EAGAIN|" },
	{ "RM /d/x|", "OK|", "MKDIR /d/x|", "EAGAIN|" },
	{ "RM /d/x/y|", "ENOENT|", "MKDIR /d/x|", "EAGAIN|" },
	/* What it made itself rests on nothing else. */
	{ "WATCH /d|t|", "OK|", "RM /d|", "OK|" },
};

static struct world *matrix_world(uint32_t *c)
{
	struct world *w = world_new();

	*c = world_connect(w);
	says(w, *c, "WRITE /d/a|1", "OK|");
	says(w, *c, "WRITE /d/b|1", "OK|");
	says(w, *c, "WRITE /d/a/sub|1", "OK|");
	says(w, *c, "MKDIR /other|", "OK|");
	return w;
}

static void check_row(const struct row *r, bool with_write, const char *wanted)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	const uint32_t tx = world_begin(w, c);
	const char *answer = world_ask(w, c, tx, r->inside);

	if (r->answer && strcmp(answer, r->answer))
		fail_msg("%s: %s", r->inside, answer);
	says(w, c, r->outside, "OK|");
	if (with_write)
		says_in(w, c, tx, "WRITE /other/mine|1", "OK|");
	answer = world_ask(w, c, tx, "TRANSACTION_END T|");
	if (strcmp(answer, wanted))
		fail_msg("inside %s, outside %s: %s", r->inside, r->outside, answer);
	world_end(w);
}

static void it_ends_eagain_exactly_where_what_it_rests_on_changed(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i], true, rows[i].end);
}

static void without_writes_it_always_ends_ok(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strncmp(rows[i].inside, "READ", 4) || !strncmp(rows[i].inside, "DIR", 3) ||
		    !strncmp(rows[i].inside, "GET", 3))
			check_row(&rows[i], false, "OK|");
}

/* The same as the matrix with two transactions: the first to end wins. */
static void two_transactions_conflict_by_the_same_rules(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		uint32_t c;
		struct world *w = matrix_world(&c);
		const uint32_t one = world_begin(w, c), two = world_begin(w, c);

		world_ask(w, c, one, r->inside);
		says_in(w, c, two, r->outside, "OK|");
		says_in(w, c, two, "TRANSACTION_END T|", "OK|");
		says_in(w, c, one, "WRITE /other/mine|1", "OK|");
		/* MKDIR of what exists writes nothing, so nothing changed. */
		says_in(w, c, one, "TRANSACTION_END T|", r->end);
		world_end(w);
	}
}

static void it_sees_the_store_as_of_its_start(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	const uint32_t tx = world_begin(w, c);

	says(w, c, "WRITE /d/a|2", "OK|");
	says(w, c, "WRITE /d/a|3", "OK|");
	says(w, c, "SET_PERMS /d/a|n0|r9|", "OK|");
	says(w, c, "WRITE /d/new|1", "OK|");
	says(w, c, "RM /d/b|", "OK|");
	says_in(w, c, tx, "READ /d/a|", "1");
	says_in(w, c, tx, "GET_PERMS /d/a|", "n0|");
	says_in(w, c, tx, "READ /d/b|", "1");
	says_in(w, c, tx, "READ /d/new|", "ENOENT|");
	says_in(w, c, tx, "DIRECTORY /d|", "a|b|");
	says(w, c, "DIRECTORY /d|", "a|new|");
	says(w, c, "RM /d|", "OK|");
	says(w, c, "WRITE /d/a/other|9", "OK|");
	world_settle(w);
	says_in(w, c, tx, "READ /d/a|", "1");
	says_in(w, c, tx, "READ /d/a/sub|", "1");
	says_in(w, c, tx, "DIRECTORY /d|", "a|b|");
	says_in(w, c, tx, "DIRECTORY /d/a|", "sub|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	says(w, c, "DIRECTORY /d/a|", "other|");
	world_end(w);
}

/* Snapshots of different age over one node, ended in every order. */
static void each_snapshot_keeps_its_own_version(void **state)
{
	static const int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					 { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (size_t o = 0; o < 6; o++) {
		uint32_t c, tx[3];
		struct world *w = matrix_world(&c);
		struct store_stats st;

		for (int i = 0; i < 3; i++) {
			char request[] = "WRITE /d/a|0";

			request[strlen(request) - 1] = (char)('5' + i);
			says(w, c, request, "OK|");
			tx[i] = world_begin(w, c);
		}
		says(w, c, "RM /d|", "OK|");
		for (int i = 0; i < 3; i++) {
			const char wanted[2] = { (char)('5' + orders[o][i]), 0 };

			says_in(w, c, tx[orders[o][i]], "READ /d/a|", wanted);
			says_in(w, c, tx[orders[o][i]], "TRANSACTION_END T|", "OK|");
			assert_null(store_check(w->store));
		}
		world_settle(w);
		store_stats(w->store, &st);
		assert_true(st.version_bytes == 0);
		world_end(w);
	}
}

static void it_reads_its_own_writes_and_nobody_else_does(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	const uint32_t tx = world_begin(w, c);

	says_in(w, c, tx, "WRITE /d/a|mine", "OK|");
	says_in(w, c, tx, "WRITE /d/x/y|deep", "OK|");
	says_in(w, c, tx, "SET_PERMS /d/b|n0|r3|", "OK|");
	says_in(w, c, tx, "READ /d/a|", "mine");
	says_in(w, c, tx, "READ /d/x/y|", "deep");
	says_in(w, c, tx, "READ /d/x|", "");
	says_in(w, c, tx, "DIRECTORY /d|", "a|b|x|");
	says_in(w, c, tx, "GET_PERMS /d/b|", "n0|r3|");
	says(w, c, "READ /d/a|", "1");
	says(w, c, "DIRECTORY /d|", "a|b|");
	says_in(w, c, tx, "RM /d/a|", "OK|");
	says_in(w, c, tx, "READ /d/a|", "ENOENT|");
	says_in(w, c, tx, "READ /d/a/sub|", "ENOENT|");
	says_in(w, c, tx, "DIRECTORY /d|", "b|x|");
	says_in(w, c, tx, "WRITE /d/a|again", "OK|");
	says_in(w, c, tx, "DIRECTORY /d/a|", "");
	says_in(w, c, tx, "READ /d/a/sub|", "ENOENT|");
	says_in(w, c, tx, "DIRECTORY /d|", "b|x|a|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	says(w, c, "DIRECTORY /d|", "b|x|a|");
	says(w, c, "READ /d/a|", "again");
	says(w, c, "READ /d/x/y|", "deep");
	says(w, c, "GET_PERMS /d/b|", "n0|r3|");
	says(w, c, "READ /d/a/sub|", "ENOENT|");
	world_end(w);
}

static void a_removed_branch_stays_removed_below_a_new_one(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	const uint32_t tx = world_begin(w, c);

	says_in(w, c, tx, "WRITE /d/a/sub|2", "OK|");
	says_in(w, c, tx, "WRITE /d/a/more|2", "OK|");
	says_in(w, c, tx, "RM /d|", "OK|");
	says_in(w, c, tx, "WRITE /d/a/fresh|2", "OK|");
	says_in(w, c, tx, "READ /d/a/sub|", "ENOENT|");
	says_in(w, c, tx, "READ /d/a/more|", "ENOENT|");
	says_in(w, c, tx, "DIRECTORY /d/a|", "fresh|");
	says_in(w, c, tx, "WRITE /d/a/sub|3", "OK|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	says(w, c, "DIRECTORY /d|", "a|");
	says(w, c, "DIRECTORY /d/a|", "fresh|sub|");
	says(w, c, "READ /d/a/sub|", "3");
	world_end(w);
}

static void discarded_it_leaves_no_trace(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	struct store_domain_stats before, after;
	uint32_t tx;

	assert_int_equal(store_domain_stats(w->store, 0, &before), 0);
	tx = world_begin(w, c);
	says_in(w, c, tx, "WRITE /d/x/y/z|1", "OK|");
	says_in(w, c, tx, "RM /d/a|", "OK|");
	says_in(w, c, tx, "TRANSACTION_END F|", "OK|");
	says_in(w, c, tx, "READ /d/a|", "ENOENT|");
	assert_int_equal(store_domain_stats(w->store, 0, &after), 0);
	assert_int_equal(before.memory, after.memory);
	assert_int_equal(before.nodes, after.nodes);
	assert_int_equal(after.transactions, 0);
	says(w, c, "DIRECTORY /d|", "a|b|");
	world_end(w);
}

static void created_and_removed_inside_fires_nothing(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	uint32_t tx;

	says(w, c, "WATCH /|t|", "OK|");
	hears(w, c, "/|t|");
	tx = world_begin(w, c);
	says_in(w, c, tx, "WRITE /d/x|1", "OK|");
	says_in(w, c, tx, "RM /d/x|", "OK|");
	hears(w, c, "");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	hears(w, c, "");
	says(w, c, "READ /d/x|", "ENOENT|");
	world_end(w);
}

/* What was there, went with its parent, came and went again is no more a change of its own. */
static void what_went_with_its_parent_fires_nothing(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	uint32_t tx;

	says(w, c, "WATCH /|t|", "OK|");
	hears(w, c, "/|t|");
	tx = world_begin(w, c);
	says_in(w, c, tx, "READ /d/a|", "1");
	says_in(w, c, tx, "RM /d|", "OK|");
	says_in(w, c, tx, "WRITE /d/a|2", "OK|");
	says_in(w, c, tx, "RM /d/a|", "OK|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	hears(w, c, "/d|t|");
	says(w, c, "DIRECTORY /d|", "");
	world_end(w);
}

static void the_end_fires_one_event_a_node_in_order_of_access(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	uint32_t tx;

	says(w, c, "WATCH /|t|", "OK|");
	hears(w, c, "/|t|");
	tx = world_begin(w, c);
	says_in(w, c, tx, "WRITE /d/b|2", "OK|");
	says_in(w, c, tx, "WRITE /d/a|2", "OK|");
	says_in(w, c, tx, "WRITE /d/b|3", "OK|");
	says_in(w, c, tx, "WRITE /d/x|3", "OK|");
	says_in(w, c, tx, "WRITE /d/y/only/implied|3", "OK|");
	says_in(w, c, tx, "WRITE /d/z/implied|3", "OK|");
	says_in(w, c, tx, "WRITE /d/z|3", "OK|");
	says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	hears(w, c, "/d/b|t| /d/a|t| /d/x|t| /d/y/only/implied|t| /d/z|t| /d/z/implied|t|");
	world_end(w);
}

static void ids_are_the_connections_own(void **state)
{
	struct world *w = world_new();
	const uint32_t a = world_connect(w), b = world_connect(w);

	assert_int_equal(world_begin(w, a), 1);
	assert_int_equal(world_begin(w, a), 2);
	assert_int_equal(world_begin(w, b), 1);
	says_in(w, b, 2, "READ /|", "ENOENT|");
	says_in(w, a, 1, "TRANSACTION_START |", "EBUSY|");
	says_in(w, a, 2, "TRANSACTION_END F|", "OK|");
	says_in(w, a, 2, "TRANSACTION_END F|", "ENOENT|");
	says(w, a, "TRANSACTION_END T|", "ENOENT|");
	says_in(w, a, 99, "WATCH /|t|", "OK|");
	world_end(w);
}

static void reset_watches_inside_ends_it(void **state)
{
	struct world *w = world_new();
	const uint32_t g = world_introduce(w, 5);
	const uint32_t tx = world_begin(w, g);
	struct store_domain_stats st;

	says_in(w, g, tx, "RESET_WATCHES |", "OK|");
	says_in(w, g, tx, "TRANSACTION_END F|", "ENOENT|");
	store_domain_stats(w->store, 5, &st);
	assert_int_equal(st.transactions, 0);
	world_end(w);
}

static void a_disconnected_client_leaves_no_transaction(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	const uint32_t other = world_connect(w);
	const uint32_t tx = world_begin(w, other);
	struct store_stats st;

	says_in(w, other, tx, "WRITE /d/x|1", "OK|");
	says(w, c, "RM /d|", "OK|");
	world_disconnect(w, other);
	store_stats(w->store, &st);
	assert_int_equal(st.transactions, 0);
	assert_int_equal(st.version_bytes, 0);
	world_end(w);
}

static void a_list_that_names_a_dead_owner_cannot_be_committed(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w);
	uint32_t tx;

	world_introduce(w, 5);
	says(w, c, "MKDIR /d|", "OK|");
	tx = world_begin(w, c);
	says_in(w, c, tx, "SET_PERMS /d|n5|", "OK|");
	world_kill(w, 5);
	world_introduce(w, 5);
	says_in(w, c, tx, "TRANSACTION_END T|", "EAGAIN|");
	says(w, c, "GET_PERMS /d|", "n0|");
	world_end(w);
}

static void directory_part_in_it_is_of_one_generation(void **state)
{
	uint32_t c;
	struct world *w = matrix_world(&c);
	const uint32_t tx = world_begin(w, c);
	char first[256];

	strcpy(first, world_ask(w, c, tx, "DIRECTORY_PART /d|0|"));
	says(w, c, "WRITE /d/new|1", "OK|");
	assert_string_not_equal(world_ask(w, c, 0, "DIRECTORY_PART /d|0|"), first);
	world_ask(w, c, tx, "DIRECTORY_PART /d|0|");
	strcpy(first, w->reply);
	says_in(w, c, tx, "DIRECTORY_PART /d|0|", first);
	says_in(w, c, tx, "WRITE /d/mine|1", "OK|");
	assert_string_not_equal(world_ask(w, c, tx, "DIRECTORY_PART /d|0|"), first);
	world_end(w);
}

/* The fourth in a row is urgent while it is open; a guest's never is. */
static void who_of_domain_0_loses_too_often_is_urgent(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), g = world_introduce(w, 5);
	uint32_t tx, guests;

	says(w, c, "WRITE /a|0", "OK|");
	says(w, c, "SET_PERMS /a|b0|", "OK|");
	for (int i = 0; i < 4; i++) {
		guests = world_begin(w, g);
		tx = world_begin(w, c);
		assert_int_equal(store_is_contended(w->store), i == 3);
		says_in(w, c, tx, "READ /a|", "0");
		says_in(w, c, tx, "WRITE /a|1", "OK|");
		says_in(w, g, guests, "WRITE /a|1", "OK|");
		says_in(w, g, guests, "READ /a|", "1");
		says(w, c, "WRITE /a|0", "OK|");
		says(w, c, "SET_PERMS /a|b0|", "OK|");
		says_in(w, c, tx, "TRANSACTION_END T|", "EAGAIN|");
		says_in(w, g, guests, "TRANSACTION_END T|", "EAGAIN|");
		assert_false(store_is_contended(w->store));
	}
	for (int i = 0; i < 3; i++) {
		tx = world_begin(w, c);
		assert_int_equal(store_is_contended(w->store), i < 2);
		says_in(w, c, tx, "WRITE /a|1", "OK|");
		says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	}
	tx = world_begin(w, g);
	assert_false(store_is_contended(w->store));
	world_end(w);
}

/* However many it lost: a few that get through and it is as others. Nobody waits for one that is doomed. */
static void urgency_is_soon_over(void **state)
{
	struct store_quota q;
	struct world *w;
	uint32_t c, tx;

	store_quota_defaults(&q);
	w = world_new_with(&q);
	c = world_connect(w);
	says(w, c, "WRITE /a|0", "OK|");
	for (int i = 0; i < 100; i++) {
		tx = world_begin(w, c);
		says_in(w, c, tx, "READ /a|", "0");
		says_in(w, c, tx, "WRITE /b|1", "OK|");
		says(w, c, "WRITE /a|0", "OK|");
		says_in(w, c, tx, "TRANSACTION_END T|", "EAGAIN|");
	}
	assert_int_equal(store_contention(w->store), 0);
	tx = world_begin(w, c);
	assert_true(store_contention(w->store) > 90);
	says(w, c, "SET_QUOTA versions|1|", "OK|");
	says(w, c, "WRITE /a|1", "OK|");
	assert_false(store_is_contended(w->store));
	assert_int_equal(store_contention(w->store), 0);
	says_in(w, c, tx, "TRANSACTION_END F|", "OK|");
	for (int i = 0; i < 4; i++) {
		tx = world_begin(w, c);
		says_in(w, c, tx, "WRITE /b|1", "OK|");
		says_in(w, c, tx, "TRANSACTION_END T|", "OK|");
	}
	tx = world_begin(w, c);
	assert_false(store_is_contended(w->store));
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_eagain_exactly_where_what_it_rests_on_changed),
		cmocka_unit_test(without_writes_it_always_ends_ok),
		cmocka_unit_test(two_transactions_conflict_by_the_same_rules),
		cmocka_unit_test(it_sees_the_store_as_of_its_start),
		cmocka_unit_test(each_snapshot_keeps_its_own_version),
		cmocka_unit_test(it_reads_its_own_writes_and_nobody_else_does),
		cmocka_unit_test(a_removed_branch_stays_removed_below_a_new_one),
		cmocka_unit_test(discarded_it_leaves_no_trace),
		cmocka_unit_test(created_and_removed_inside_fires_nothing),
		cmocka_unit_test(what_went_with_its_parent_fires_nothing),
		cmocka_unit_test(the_end_fires_one_event_a_node_in_order_of_access),
		cmocka_unit_test(ids_are_the_connections_own),
		cmocka_unit_test(reset_watches_inside_ends_it),
		cmocka_unit_test(a_disconnected_client_leaves_no_transaction),
		cmocka_unit_test(a_list_that_names_a_dead_owner_cannot_be_committed),
		cmocka_unit_test(directory_part_in_it_is_of_one_generation),
		cmocka_unit_test(who_of_domain_0_loses_too_often_is_urgent),
		cmocka_unit_test(urgency_is_soon_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
