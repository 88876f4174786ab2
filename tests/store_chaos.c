/* SPDX-License-Identifier: MIT */
/*
 * Everything at once, by seed: dom0's clients and guests with narrow quotas send requests, good and bad, come,
 * go, stall, die and return, while deferred work waits for its tick. Nothing is predicted; the store must stay
 * consistent, within its limits, and equal to itself after a dump and load. STORE_SEED and STORE_STEPS choose
 * another walk.
 */
#include "store_world.h"

#define CLIENTS 8
#define GUESTS 4 /* domids 1..4 */

struct chaos {
	struct world *w;
	uint32_t conns[CLIENTS + GUESTS + 1]; /* 0: not there; from CLIENTS on the guests' rings, by domid */
	uint64_t random;
};

static uint32_t pick(struct chaos *k, uint32_t below)
{
	k->random ^= k->random << 13;
	k->random ^= k->random >> 7;
	k->random ^= k->random << 17;
	return (uint32_t)(k->random >> 33) % below;
}

static void put_path(struct chaos *k, char *out)
{
	static const char *const roots[] = { "/local/domain/1",	 "/local/domain/2", "/a", "/a/b", "x", "",
					     "/local/domain/3/x" };
	const uint32_t depth = pick(k, pick(k, 50) ? 4 : 40);

	strcpy(out, roots[pick(k, 7)]);
	for (uint32_t i = 0; i < depth; i++)
		sprintf(out + strlen(out), "/%c", (char)('a' + pick(k, 3)));
	if (!out[0])
		strcpy(out, pick(k, 2) ? "/" : "@releaseDomain");
}

static void put_perms(struct chaos *k, char *out)
{
	const uint32_t count = 1 + pick(k, 4);

	for (uint32_t i = 0; i < count; i++)
		sprintf(out + strlen(out), "%c%u|", "nrwb"[pick(k, 4)], pick(k, 20) ? pick(k, 6) : 32757);
}

static void put_value(struct chaos *k, char *out)
{
	const uint32_t len = pick(k, 10) ? pick(k, 20) : pick(k, 1500);

	out += strlen(out);
	memset(out, 'v', len);
	out[len] = '\0';
}

static void make_request(struct chaos *k, char *out)
{
	static const char *const with_path[] = { "READ",  "DIRECTORY", "GET_PERMS",	"MKDIR",
						 "RM",	  "WRITE",     "WRITE",		"SET_PERMS",
						 "WATCH", "UNWATCH",   "DIRECTORY_PART" };
	const char *op = with_path[pick(k, 11)];
	char path[256];

	put_path(k, path);
	sprintf(out, "%s %s|", op, path);
	if (!strcmp(op, "WRITE"))
		put_value(k, out);
	else if (!strcmp(op, "SET_PERMS"))
		put_perms(k, out + strlen(out));
	else if (strstr(op, "WATCH"))
		sprintf(out + strlen(out), "t%u|%s", pick(k, 3), pick(k, 4) ? "" : "1|");
	else if (!strcmp(op, "DIRECTORY_PART"))
		sprintf(out + strlen(out), "%u|", pick(k, 9));
}

static void make_odd_request(struct chaos *k, char *out)
{
	static const char *const odd[] = { "TRANSACTION_START |", "TRANSACTION_START |", "TRANSACTION_END T|",
					   "TRANSACTION_END F|",  "TRANSACTION_END T|",	 "RESET_WATCHES |",
					   "CONTROL check|",	  "CONTROL quota|1|",	 "SET_TARGET 1|2|",
					   "RESUME 1|",		  "WRITE nonsense",	 "READ ||||" };

	strcpy(out, odd[pick(k, 12)]);
}

static void send_garbage(struct chaos *k, uint32_t conn)
{
	uint8_t bytes[64];
	const size_t len = pick(k, sizeof(bytes));

	for (size_t i = 0; i < len; i++)
		bytes[i] = pick(k, 3) ? (uint8_t) "/ab@|0\0"[pick(k, 7)] : (uint8_t)pick(k, 256);
	world_ask_raw(k->w, conn, pick(k, 4), pick(k, 30), bytes, len);
}

static void some_request(struct chaos *k)
{
	const uint32_t conn = k->conns[pick(k, CLIENTS + GUESTS + 1)];
	char request[4096] = "";

	if (!conn)
		return;
	if (pick(k, 30) == 0) {
		send_garbage(k, conn);
		return;
	}
	if (pick(k, 5))
		make_request(k, request);
	else
		make_odd_request(k, request);
	world_ask(k->w, conn, pick(k, 2) ? 0 : 1 + pick(k, 6), request);
}

static void make_home(struct chaos *k, uint32_t domid)
{
	const uint32_t tool = world_connect(k->w);
	char request[64];

	snprintf(request, sizeof(request), "MKDIR /local/domain/%u|", domid);
	says(k->w, tool, request, "OK|");
	snprintf(request, sizeof(request), "SET_PERMS /local/domain/%u|n%u|", domid, domid);
	says(k->w, tool, request, "OK|");
	world_disconnect(k->w, tool);
}

static void toggle_client(struct chaos *k, uint32_t i)
{
	if (k->conns[i])
		world_disconnect(k->w, k->conns[i]);
	k->conns[i] = k->conns[i] ? 0 : world_connect(k->w);
}

static void toggle_guest(struct chaos *k, uint32_t domid)
{
	uint32_t *conn = &k->conns[CLIENTS + domid];

	if (*conn) {
		world_kill(k->w, domid);
		*conn = 0;
		return;
	}
	*conn = world_introduce(k->w, domid);
	make_home(k, domid);
}

static void reset_guest(struct chaos *k, uint32_t domid)
{
	struct store_input in = { .type = STORE_IN_RING_RESET, .conn = k->conns[CLIENTS + domid] };

	if (in.conn)
		world_apply(k->w, &in);
}

static void tick(struct chaos *k)
{
	struct store_input in = { .type = STORE_IN_TICK };

	world_apply(k->w, &in);
}

static void drain_all(struct chaos *k)
{
	for (uint32_t i = 0; i <= CLIENTS + GUESTS; i++) {
		struct store_input in = { .type = STORE_IN_DRAINED,
					  .conn = k->conns[i],
					  .bytes = UINT64_MAX };

		if (k->conns[i])
			world_apply(k->w, &in);
	}
}

/* What clients heard is nobody's business here, and must not pile up. */
static void forget_texts(struct chaos *k)
{
	k->w->log[0] = '\0';
	for (size_t i = 0; i < WORLD_CONNS; i++)
		free(world_heard(k->w, (uint32_t)i));
}

static void step(struct chaos *k)
{
	const uint32_t choice = pick(k, 1000);

	if (choice < 960)
		some_request(k);
	else if (choice < 970)
		toggle_client(k, pick(k, CLIENTS));
	else if (choice < 980)
		toggle_guest(k, 1 + pick(k, GUESTS));
	else if (choice < 984)
		reset_guest(k, 1 + pick(k, GUESTS));
	else if (choice < 988)
		k->w->hold_output = !k->w->hold_output;
	else if (choice < 992)
		drain_all(k);
	else
		tick(k);
}

static void check_limits(struct chaos *k, const struct store_quota *q)
{
	for (int64_t domid = store_next_domain(k->w->store, 0); domid >= 0;
	     domid = store_next_domain(k->w->store, domid)) {
		struct store_domain_stats st;

		assert_int_equal(store_domain_stats(k->w->store, (uint32_t)domid, &st), 0);
		assert_true(st.watches <= q->watches && st.transactions <= q->transactions);
	}
}

static void run(uint64_t seed, uint64_t steps)
{
	const struct store_quota q = { .nodes = 60,
				       .watches = 9,
				       .transactions = 3,
				       .node_size = 1000,
				       .perms = 3,
				       .path_max = 60,
				       .transaction_nodes = 30,
				       .memory_hard = 60000,
				       .memory_soft = 30000,
				       .versions = 40000 };
	struct chaos k = { .w = world_new_with(&q), .random = seed * 0x9e3779b97f4a7c15u + 1 };

	for (uint32_t domid = 1; domid <= GUESTS; domid++)
		toggle_guest(&k, domid);
	for (uint64_t i = 0; i < steps; i++) {
		step(&k);
		if (i % 50)
			continue;
		forget_texts(&k);
		check_limits(&k, &q);
		if (store_check(k.w->store))
			fail_msg("seed %llu, step %llu: %s", (unsigned long long)seed, (unsigned long long)i,
				 store_check(k.w->store));
	}
	world_end(k.w);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void nothing_brings_the_store_out_of_order(void **state)
{
	const uint64_t first = from_environment("STORE_SEED", 1);
	const uint64_t steps = from_environment("STORE_STEPS", 4000);

	for (uint64_t seed = first; seed < first + 20; seed++)
		run(seed, steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_brings_the_store_out_of_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
