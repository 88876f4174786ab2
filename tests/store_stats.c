/* SPDX-License-Identifier: MIT */
/* What the store counts, of whom; and whom it names for a lost transaction. */
#include <xenbus/store_stats.h>
#include "store_world.h"

static struct store_conn_stats of_conn(struct world *w, uint32_t conn)
{
	struct store_conn_stats st;

	assert_int_equal(store_conn_stats(w->store, conn, &st), 0);
	return st;
}

static struct store_traffic of_domain(struct world *w, uint32_t domid)
{
	struct store_traffic traffic;

	assert_int_equal(store_domain_traffic(w->store, domid, &traffic), 0);
	return traffic;
}

/* /d, /d/a, /d/b and /d/a/sub are domain 5's, /other is dom0's. */
struct scene {
	struct world *w;
	uint32_t victim, other, guest; /* two sockets, and domain 5's ring */
};

static struct scene scene_new(void)
{
	static const char *const nodes[] = { "/d", "/d/a", "/d/b", "/d/a/sub" };
	struct scene s = { .w = world_new() };
	char request[64];

	s.victim = world_connect(s.w);
	s.other = world_connect(s.w);
	s.guest = world_introduce(s.w, 5);
	for (size_t i = 0; i < 4; i++) {
		snprintf(request, sizeof(request), "WRITE %s|1", nodes[i]);
		says(s.w, s.victim, request, "OK|");
		snprintf(request, sizeof(request), "SET_PERMS %s|n5|", nodes[i]);
		says(s.w, s.victim, request, "OK|");
	}
	says(s.w, s.victim, "MKDIR /other|", "OK|");
	return s;
}

/* The victim's transaction asks @inside, then @who does @outside, then it fails: why? */
static struct store_cause lose(struct scene *s, const char *inside, uint32_t who, const char *outside)
{
	const uint32_t tx = world_begin(s->w, s->victim);

	world_ask(s->w, s->victim, tx, inside);
	if (outside)
		says(s->w, who, outside, "OK|");
	says_in(s->w, s->victim, tx, "WRITE /other/mine|1", "OK|");
	says_in(s->w, s->victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	return of_conn(s->w, s->victim).cause;
}

static const struct row {
	const char *inside, *outside;
	enum store_conflict kind;
	const char *path;
} rows[] = {
	{ "READ /d/a|", "WRITE /d/a|2", STORE_CONFLICT_WRITTEN, "/d/a" },
	{ "READ /d/a|", "RM /d/a|", STORE_CONFLICT_REMOVED, "/d/a" },
	{ "READ /d/a/sub|", "RM /d|", STORE_CONFLICT_REMOVED, "/d" },
	{ "READ /d/a/sub/x|", "RM /d/a|", STORE_CONFLICT_REMOVED, "/d/a" },
	{ "GET_PERMS /d/a|", "SET_PERMS /d/a|n5|r1|", STORE_CONFLICT_PERMS, "/d/a" },
	{ "WRITE /d/a|2", "SET_PERMS /d/a|n5|r1|", STORE_CONFLICT_PERMS, "/d/a" },
	{ "WRITE /d/a|2", "RM /d/a|", STORE_CONFLICT_REMOVED, "/d/a" },
	{ "DIRECTORY /d|", "WRITE /d/new|", STORE_CONFLICT_CHILDREN, "/d" },
	{ "DIRECTORY /d|", "RM /d/b|", STORE_CONFLICT_CHILDREN, "/d" },
	{ "READ /d/x|", "WRITE /d/x|", STORE_CONFLICT_CREATED, "/d/x" },
	{ "WRITE /d/x/y/z|1", "MKDIR /d/x|", STORE_CONFLICT_CREATED, "/d/x" },
	{ "WRITE /d/x|1", "WRITE /d/x/y|", STORE_CONFLICT_CREATED, "/d/x" },
	{ "WRITE /d/x|1", "SET_PERMS /d|n5|r1|", STORE_CONFLICT_PERMS, "/d" },
	{ "RM /d/a|", "RM /d|", STORE_CONFLICT_REMOVED, "/d" },
};

static void check_cause(const struct store_cause *c, const struct row *r, uint32_t domid, uint32_t conn)
{
	if (c->count != 1 || c->kind != r->kind || strcmp(c->path, r->path) || c->domid != domid ||
	    c->conn != conn || c->quota || c->path_len != strlen(r->path))
		fail_msg("inside %s, outside %s: %s %s, by domain %u, connection %u", r->inside, r->outside,
			 store_conflict_name(c->kind), c->path, c->domid, c->conn);
}

static void check_row(const struct row *r, bool by_guest)
{
	struct scene s = scene_new();
	const uint32_t who = by_guest ? s.guest : s.other;
	struct store_cause causes[STORE_CAUSES];
	const struct store_cause c = lose(&s, r->inside, who, r->outside);

	check_cause(&c, r, by_guest ? 5 : 0, who);
	assert_int_equal(c.loser, s.victim);
	assert_int_equal(store_domain_causes(s.w->store, 0, causes), 1);
	check_cause(&causes[0], r, by_guest ? 5 : 0, who);
	assert_int_equal(of_conn(s.w, who).traffic.blamed, 1);
	assert_int_equal(of_domain(s.w, by_guest ? 5 : 0).blamed, 1);
	assert_int_equal(of_conn(s.w, s.victim).traffic.conflicts, 1);
	world_end(s.w);
}

static void each_conflict_names_its_path_and_who_caused_it(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(&rows[i], false);
		check_row(&rows[i], true);
	}
}

static void a_commit_is_its_connections_doing(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene s = scene_new();
		const uint32_t one = world_begin(s.w, s.victim), two = world_begin(s.w, s.other);
		struct store_cause c;

		world_ask(s.w, s.victim, one, rows[i].inside);
		says_in(s.w, s.other, two, rows[i].outside, "OK|");
		says_in(s.w, s.other, two, "TRANSACTION_END T|", "OK|");
		says_in(s.w, s.victim, one, "WRITE /other/mine|1", "OK|");
		says_in(s.w, s.victim, one, "TRANSACTION_END T|", "EAGAIN|");
		c = of_conn(s.w, s.victim).cause;
		check_cause(&c, &rows[i], 0, s.other);
		world_end(s.w);
	}
}

/* A sibling made later, a value written over and over by others: each kind of change has an author of its own. */
static void others_nearby_are_not_blamed(void **state)
{
	struct scene s = scene_new();
	uint32_t tx = world_begin(s.w, s.victim);
	struct store_cause c;

	says_in(s.w, s.victim, tx, "WRITE /d/x|1", "OK|");
	says(s.w, s.other, "WRITE /d/before|", "OK|");
	says(s.w, s.guest, "WRITE /d/x|", "OK|");
	says(s.w, s.other, "WRITE /d/after|", "OK|");
	says(s.w, s.other, "WRITE /d/x|2", "OK|");
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	c = of_conn(s.w, s.victim).cause;
	assert_int_equal(c.kind, STORE_CONFLICT_CREATED);
	assert_int_equal(c.conn, s.guest);

	tx = world_begin(s.w, s.victim);
	says_in(s.w, s.victim, tx, "GET_PERMS /d/a|", "n5|");
	says(s.w, s.guest, "SET_PERMS /d/a|n5|r1|", "OK|");
	says(s.w, s.other, "WRITE /d/a|2", "OK|");
	says(s.w, s.other, "WRITE /d/a/new|2", "OK|");
	says_in(s.w, s.victim, tx, "WRITE /other/mine|1", "OK|");
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	c = of_conn(s.w, s.victim).cause;
	assert_int_equal(c.kind, STORE_CONFLICT_PERMS);
	assert_int_equal(c.conn, s.guest);
	assert_int_equal(of_conn(s.w, s.other).traffic.blamed, 0);

	tx = world_begin(s.w, s.victim);
	says_in(s.w, s.victim, tx, "READ /d/a|", "2");
	says(s.w, s.guest, "WRITE /d/a|3", "OK|");
	says(s.w, s.other, "WRITE /d/a|4", "OK|"); /* of two, the last */
	says_in(s.w, s.victim, tx, "WRITE /other/mine|1", "OK|");
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	assert_int_equal(of_conn(s.w, s.victim).cause.conn, s.other);
	world_end(s.w);
}

/* The guest writes, a younger snapshot is taken and given up, the other writes: both versions become one, and the
 * last author stands. */
static void authors_survive_the_end_of_other_transactions(void **state)
{
	struct scene s = scene_new();
	const uint32_t tx = world_begin(s.w, s.victim);
	uint32_t young;

	says_in(s.w, s.victim, tx, "READ /d/a|", "1");
	says(s.w, s.guest, "WRITE /d/a|2", "OK|");
	young = world_begin(s.w, s.other);
	says(s.w, s.other, "WRITE /d/a|3", "OK|");
	says_in(s.w, s.other, young, "TRANSACTION_END F|", "OK|");
	says_in(s.w, s.victim, tx, "WRITE /other/mine|1", "OK|");
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	assert_int_equal(of_conn(s.w, s.victim).cause.conn, s.other);
	world_end(s.w);
}

static void a_death_is_named(void **state)
{
	struct scene s = scene_new();
	const uint32_t tx = world_begin(s.w, s.victim);
	struct store_cause c;

	says_in(s.w, s.victim, tx, "READ /d/a|", "1");
	world_kill(s.w, 5);
	says_in(s.w, s.victim, tx, "WRITE /other/mine|1", "OK|");
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	c = of_conn(s.w, s.victim).cause;
	assert_int_equal(c.kind, STORE_CONFLICT_REMOVED);
	assert_int_equal(c.domid, 5);
	assert_int_equal(c.conn, STORE_CONN_NONE);
	world_end(s.w);
}

static void an_owner_that_died_is_named(void **state)
{
	struct scene s = scene_new();
	const uint32_t tx = world_begin(s.w, s.victim);
	struct store_cause c;

	says_in(s.w, s.victim, tx, "WRITE /other/mine|1", "OK|");
	says_in(s.w, s.victim, tx, "SET_PERMS /other/mine|n5|", "OK|");
	world_kill(s.w, 5);
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	c = of_conn(s.w, s.victim).cause;
	assert_int_equal(c.kind, STORE_CONFLICT_OWNER);
	assert_int_equal(c.domid, 5);
	assert_string_equal(c.path, "/other/mine");
	world_end(s.w);
}

static void a_quota_that_forbids_a_commit_is_named(void **state)
{
	struct store_quota quota;
	struct world *w;
	uint32_t guest, tx;
	struct store_cause c;

	store_quota_defaults(&quota);
	quota.nodes = 3;
	w = world_new_with(&quota);
	guest = world_introduce(w, 5);
	says(w, world_connect(w), "MKDIR /local/domain/5|", "OK|");
	says(w, world_connect(w), "SET_PERMS /local/domain/5|n5|", "OK|");
	tx = world_begin(w, guest);
	says_in(w, guest, tx, "WRITE a|1", "OK|");
	says_in(w, guest, tx, "WRITE b|1", "OK|");
	says(w, guest, "WRITE c|1", "OK|");
	says_in(w, guest, tx, "TRANSACTION_END T|", "EAGAIN|");
	c = of_conn(w, guest).cause;
	assert_int_equal(c.kind, STORE_CONFLICT_QUOTA);
	assert_string_equal(c.quota, "nodes");
	assert_int_equal(c.domid, 5);
	assert_string_equal(c.path, "/local/domain/5/a");
	assert_int_equal(of_domain(w, 5).blamed, 0);
	world_end(w);
}

/* Old versions over a limit: the store's own, or the domain's memory. */
static void check_doomed(const char *quota_name, uint32_t domid)
{
	const bool global = !strcmp(quota_name, "versions");
	struct store_quota quota;
	struct world *w;
	uint32_t guest, tool, tx = 0;
	struct store_cause c;
	char payload[1024];

	store_quota_defaults(&quota);
	quota.versions = global ? 4000 : 0;
	quota.memory_hard = global ? 0 : 8000;
	w = world_new_with(&quota);
	guest = world_introduce(w, 5);
	tool = world_connect(w);
	memset(payload, 'x', sizeof(payload));
	for (uint32_t i = 0; i < 64; i++) {
		if (i == 32)
			tx = world_begin(w, guest);
		snprintf(payload, sizeof(payload), "/t%u", i % 32);
		world_ask_raw(w, tool, 0, XS_WRITE, payload, sizeof(payload));
	}
	says_in(w, guest, tx, "TRANSACTION_END T|", "EAGAIN|");
	c = of_conn(w, guest).cause;
	assert_int_equal(c.kind, STORE_CONFLICT_KEPT_LONG);
	assert_string_equal(c.quota, quota_name);
	assert_string_equal(c.path, "");
	assert_int_equal(c.domid, domid);
	world_end(w);
}

static void a_transaction_kept_too_long_is_named(void **state)
{
	check_doomed("versions", STORE_DOMID_NONE);
	check_doomed("memory", 5);
}

static void a_transaction_of_before_a_restart_is_named(void **state)
{
	struct world *w = world_new();
	const uint32_t c = world_connect(w), tx = world_begin(w, c);
	struct store_conn_stats st;
	const char *why;
	struct store *copy;
	uint8_t *data;
	size_t len;
	struct store_input in = {
		.type = STORE_IN_MESSAGE, .op = XS_TRANSACTION_END, .tx_id = tx, .payload = "T", .len = 2
	};

	assert_int_equal(store_dump(w->store, &data, &len), 0);
	assert_int_equal(store_new(&w->config, &copy), 0);
	assert_int_equal(store_load(copy, data, len, &why), 0);
	free(data);
	in.conn = store_next_conn(copy, STORE_CONN_NONE);
	assert_int_equal(store_apply(copy, &in, &w->fx), 0);
	assert_int_equal(store_conn_stats(copy, in.conn, &st), 0);
	assert_int_equal(st.cause.kind, STORE_CONFLICT_RESTARTED);
	store_free(copy);
	world_end(w);
}

/* The creation is so many changes of author ago that the table of stamps has turned round. */
static void a_creator_long_ago_is_said_to_be_unknown(void **state)
{
	struct scene s = scene_new();
	const uint32_t tx = world_begin(s.w, s.victim);
	struct store_cause c;

	says_in(s.w, s.victim, tx, "WRITE /d/x|1", "OK|");
	says(s.w, s.guest, "WRITE /d/x|", "OK|");
	for (uint32_t i = 0; i < 1100; i++) {
		says(s.w, s.other, "MKDIR /o|", "OK|");
		says(s.w, s.other, "RM /o|", "OK|");
		says(s.w, s.guest, "MKDIR /d/g|", "OK|");
		says(s.w, s.guest, "RM /d/g|", "OK|");
	}
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	c = of_conn(s.w, s.victim).cause;
	assert_int_equal(c.kind, STORE_CONFLICT_CREATED);
	assert_string_equal(c.path, "/d/x");
	assert_int_equal(c.domid, STORE_DOMID_NONE);
	assert_int_equal(c.conn, STORE_CONN_NONE);
	world_end(s.w);
}

static void the_last_causes_are_kept_the_newest_first(void **state)
{
	struct scene s = scene_new();
	struct store_cause causes[STORE_CAUSES];
	char inside[64], outside[64];

	lose(&s, "READ /d/a|", s.guest, "WRITE /d/a|2");
	for (int i = 0; i < 2 * (int)STORE_CAUSES; i++) {
		snprintf(inside, sizeof(inside), "READ /other/n%d|", i);
		snprintf(outside, sizeof(outside), "WRITE /other/n%d|", i);
		lose(&s, inside, s.other, outside);
		lose(&s, "READ /d/a|", s.guest, "WRITE /d/a|2");
	}
	assert_int_equal(store_domain_causes(s.w->store, 0, causes), STORE_CAUSES);
	assert_string_equal(causes[0].path, "/d/a");
	assert_int_equal(causes[0].count, 1 + 2 * STORE_CAUSES);
	assert_string_equal(causes[1].path, "/other/n11");
	assert_int_equal(causes[1].count, 1);
	assert_string_equal(causes[STORE_CAUSES - 1].path, "/other/n7");
	assert_int_equal(of_conn(s.w, s.victim).cause.count, 1); /* the same one last; another came between */
	assert_int_equal(of_conn(s.w, s.guest).traffic.blamed, 1 + 2 * STORE_CAUSES);
	world_end(s.w);
}

static void a_long_path_is_cut(void **state)
{
	struct scene s = scene_new();
	char path[512] = "/d/", inside[600], outside[600];
	struct store_cause c;

	memset(path + 3, 'p', 250);
	memset(path + 253, '/', 1);
	memset(path + 254, 'q', 100);
	snprintf(inside, sizeof(inside), "READ %s|", path);
	snprintf(outside, sizeof(outside), "WRITE %s|", path);
	says(s.w, s.other, outside, "OK|");
	c = lose(&s, inside, s.other, outside);
	assert_int_equal(c.path_len, strlen(path));
	assert_int_equal(strlen(c.path), STORE_PATH_SHOWN - 1);
	assert_memory_equal(c.path, path, STORE_PATH_SHOWN - 1);
	world_end(s.w);
}

static void requests_and_errors_are_counted_by_kind(void **state)
{
	struct scene s = scene_new();
	const struct store_traffic before = of_conn(s.w, s.guest).traffic;
	struct store_traffic t;

	says(s.w, s.guest, "READ /d/a|", "1");
	says(s.w, s.guest, "READ /d/none|", "ENOENT|");
	says(s.w, s.guest, "READ /other|", "EACCES|");
	says(s.w, s.guest, "WRITE /d/a|", "OK|");
	assert_string_equal(world_ask_raw(s.w, s.guest, 0, 99, "", 0), "ENOSYS|");
	t = of_conn(s.w, s.guest).traffic;
	assert_int_equal(t.requests[XS_READ] - before.requests[XS_READ], 3);
	assert_int_equal(t.requests[XS_WRITE] - before.requests[XS_WRITE], 1);
	assert_int_equal(t.requests[STORE_OPS - 1] - before.requests[STORE_OPS - 1], 1);
	assert_int_equal(t.errors[wire_error_row(ENOENT)] - before.errors[wire_error_row(ENOENT)], 1);
	assert_int_equal(t.errors[wire_error_row(EACCES)] - before.errors[wire_error_row(EACCES)], 1);
	assert_int_equal(t.errors[wire_error_row(ENOSYS)] - before.errors[wire_error_row(ENOSYS)], 1);
	assert_int_equal(store_traffic_requests(&t) - store_traffic_requests(&before), 5);
	world_end(s.w);
}

static void events_are_counted_sent_merged_and_dropped(void **state)
{
	struct store_quota quota;
	struct store_traffic t;
	struct world *w;
	uint32_t guest, tool;

	store_quota_defaults(&quota);
	quota.memory_hard = 20000;
	w = world_new_with(&quota);
	guest = world_introduce(w, 5);
	tool = world_connect(w);
	says(w, tool, "WRITE /d|", "OK|");
	says(w, tool, "SET_PERMS /d|r0|", "OK|");
	says(w, guest, "WATCH /d|t|", "OK|");
	w->hold_output = true;
	says(w, tool, "WRITE /d|", "OK|");
	says(w, tool, "WRITE /d|", "OK|");
	t = of_conn(w, guest).traffic;
	assert_int_equal(t.events, 2);
	assert_int_equal(t.events_merged, 1);
	assert_int_equal(of_conn(w, guest).queued, WIRE_HEADER_SIZE + 5);
	for (int i = 0; i < 1000; i++) {
		char request[64];

		snprintf(request, sizeof(request), "WRITE /d/n%d|", i);
		says(w, tool, request, "OK|");
	}
	assert_true(of_conn(w, guest).traffic.events_dropped > 0);
	assert_int_equal(of_conn(w, guest).traffic.events + of_conn(w, guest).traffic.events_dropped, 1002);
	world_end(w);
}

static void what_a_connection_did_stays_its_domains(void **state)
{
	struct scene s = scene_new();
	const struct store_traffic before = of_domain(s.w, 0);
	struct store_conn_stats st;

	lose(&s, "READ /d/a|", s.other, "WRITE /d/a|2");
	says(s.w, s.other, "READ /d/none|", "ENOENT|");
	world_disconnect(s.w, s.other);
	assert_int_equal(store_conn_stats(s.w->store, s.other, &st), -ENOENT);
	assert_int_equal(of_domain(s.w, 0).requests[XS_READ] - before.requests[XS_READ], 2);
	assert_int_equal(of_domain(s.w, 0).errors[wire_error_row(ENOENT)], 1);
	assert_int_equal(of_domain(s.w, 0).conflicts, 1);
	assert_int_equal(of_domain(s.w, 0).blamed, 1);
	world_end(s.w);
}

/* A client that has left is not blamed on whoever has its place, and dom0 still is. */
static void a_culprit_that_left_is_still_dom0(void **state)
{
	struct scene s = scene_new();
	const uint32_t tx = world_begin(s.w, s.victim);

	says_in(s.w, s.victim, tx, "READ /d/a|", "1");
	says(s.w, s.other, "WRITE /d/a|2", "OK|");
	world_disconnect(s.w, s.other);
	says_in(s.w, s.victim, tx, "WRITE /other/mine|1", "OK|");
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "EAGAIN|");
	assert_int_equal(of_conn(s.w, s.victim).cause.domid, 0);
	assert_int_equal(of_conn(s.w, s.victim).cause.conn, s.other);
	assert_int_equal(of_domain(s.w, 0).blamed, 1);
	world_end(s.w);
}

static void another_life_of_a_domid_starts_at_nothing(void **state)
{
	struct scene s = scene_new();
	const uint64_t instance = store_domain_instance(s.w->store, 5);
	struct store_cause causes[STORE_CAUSES];
	uint32_t tx = world_begin(s.w, s.guest);

	says_in(s.w, s.guest, tx, "READ /d/a|", "1");
	says(s.w, s.other, "WRITE /d/a|2", "OK|");
	says_in(s.w, s.guest, tx, "WRITE /d/b|2", "OK|");
	says_in(s.w, s.guest, tx, "TRANSACTION_END T|", "EAGAIN|");
	assert_int_equal(store_domain_causes(s.w->store, 5, causes), 1);
	world_kill(s.w, 5);
	assert_int_equal(store_domain_instance(s.w->store, 5), 0);
	world_introduce(s.w, 5);
	assert_true(store_domain_instance(s.w->store, 5) > instance);
	assert_int_equal(store_domain_causes(s.w->store, 5, causes), 0);
	assert_int_equal(of_domain(s.w, 5).conflicts, 0);
	assert_int_equal(of_domain(s.w, 5).requests[XS_TRANSACTION_START], 0);
	world_end(s.w);
}

static void connections_come_in_rising_order(void **state)
{
	struct world *w = world_new();
	uint32_t last = STORE_CONN_NONE, count = 0, ids[100];

	for (int i = 0; i < 100; i++)
		ids[i] = world_connect(w);
	for (int i = 0; i < 100; i += 3)
		world_disconnect(w, ids[i]);
	for (uint32_t id = STORE_CONN_NONE; (id = store_next_conn(w->store, id)) != STORE_CONN_NONE;
	     count++) {
		assert_true(id > last);
		last = id;
	}
	assert_int_equal(count, 66);
	world_end(w);
}

/* Conflicts are counted once, on whom they hit; what is open and committed, too. */
static void transactions_are_counted(void **state)
{
	struct scene s = scene_new();
	const uint32_t open = world_begin(s.w, s.victim);
	const uint32_t tx = world_begin(s.w, s.victim);
	struct store_conn_stats st;

	says_in(s.w, s.victim, tx, "WRITE /other/mine|1", "OK|");
	assert_int_equal(of_conn(s.w, s.victim).transactions, 2);
	says_in(s.w, s.victim, tx, "TRANSACTION_END T|", "OK|");
	st = of_conn(s.w, s.victim);
	assert_int_equal(st.transactions, 1);
	assert_int_equal(st.traffic.committed, 1);
	assert_int_equal(st.traffic.conflicts, 0);
	assert_int_equal(st.cause.count, 0);
	says_in(s.w, s.victim, open, "TRANSACTION_END F|", "OK|");
	assert_int_equal(of_conn(s.w, s.victim).traffic.committed, 1);
	world_end(s.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_conflict_names_its_path_and_who_caused_it),
		cmocka_unit_test(a_commit_is_its_connections_doing),
		cmocka_unit_test(others_nearby_are_not_blamed),
		cmocka_unit_test(authors_survive_the_end_of_other_transactions),
		cmocka_unit_test(a_death_is_named),
		cmocka_unit_test(an_owner_that_died_is_named),
		cmocka_unit_test(a_quota_that_forbids_a_commit_is_named),
		cmocka_unit_test(a_transaction_kept_too_long_is_named),
		cmocka_unit_test(a_transaction_of_before_a_restart_is_named),
		cmocka_unit_test(a_creator_long_ago_is_said_to_be_unknown),
		cmocka_unit_test(the_last_causes_are_kept_the_newest_first),
		cmocka_unit_test(a_long_path_is_cut),
		cmocka_unit_test(requests_and_errors_are_counted_by_kind),
		cmocka_unit_test(events_are_counted_sent_merged_and_dropped),
		cmocka_unit_test(what_a_connection_did_stays_its_domains),
		cmocka_unit_test(a_culprit_that_left_is_still_dom0),
		cmocka_unit_test(another_life_of_a_domid_starts_at_nothing),
		cmocka_unit_test(connections_come_in_rising_order),
		cmocka_unit_test(transactions_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
