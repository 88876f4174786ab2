/* SPDX-License-Identifier: MIT */
/* CONTROL "stats" of the daemon, in this process: pages that fit, figures that are right. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "client.h"
#include "json.h"
#include "server_world.h"
#include "stats_json.h"
#include "wellformed.h"

#define MS 1000000u

/* -- asking ------------------------------------------------------------------------------------- */

/* "stats" and @args, '|' for NUL. Static; a complete JSON value, or an error's name. */
static const char *stats(struct world *w, int fd, const char *args)
{
	static struct answer answer;
	char payload[128];
	int len = snprintf(payload, sizeof(payload), "stats|%s", args);

	for (int i = 0; i < len; i++)
		payload[i] = payload[i] == '|' ? '\0' : payload[i];
	socket_ask(w, fd, XS_CONTROL, 0, payload, (size_t)len, &answer);
	assert_true(answer.header.len <= WIRE_PAYLOAD_MAX);
	assert_int_equal(strlen(answer.payload) + 1, answer.header.len);
	if (answer.header.type != XS_ERROR && !is_json(answer.payload))
		fail_msg("no JSON: %s", answer.payload);
	return answer.payload;
}

/* What stands behind the first "@key": in @text, from the first @from on; up to the next of ,]} on its level. */
static void expect_after(const char *text, const char *from, const char *wanted)
{
	const char *at = strstr(text, from);

	if (!at || !strstr(at, wanted))
		fail_msg("no %s behind %s in %s", wanted, from, text);
}

static uint64_t number_after(const char *text, const char *from, const char *key)
{
	const char *at = strstr(text, from);
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = at ? strstr(at, quoted) : NULL;
	assert_non_null(at);
	return strtoull(at + strlen(quoted), NULL, 10);
}

/* -- what always fits --------------------------------------------------------------------------- */

static char text[2 * 4096];

static void expect_fits(void (*put)(struct json *j, const void *what), const void *what, const char *name)
{
	struct json j;

	json_init(&j, text, STATS_ENTITY_MAX);
	put(&j, what);
	print_message("%s: %zu of %u bytes\n", name, j.used, STATS_ENTITY_MAX);
	assert_false(j.full);
	text[j.used] = '\0';
	assert_true(is_json(text));
}

static void put_conn(struct json *j, const void *what)
{
	stats_json_conn(j, what);
}

static void put_domain(struct json *j, const void *what)
{
	stats_json_domain(j, what);
}

static void put_store(struct json *j, const void *what)
{
	stats_json_store(j, what);
}

static void put_conflicts(struct json *j, const void *what)
{
	json_open(j, NULL, '[');
	for (uint32_t i = 0; i < STORE_CAUSES; i++)
		stats_json_conflict(j, what);
	json_close(j, ']');
}

static struct store_cause longest_cause(void)
{
	struct store_cause cause = { .kind = STORE_CONFLICT_MEMORY,
				     .quota = "transaction-nodes",
				     .domid = UINT32_MAX - 1,
				     .count = UINT64_MAX,
				     .path_len = STORE_PATH_SHOWN };

	memset(cause.path, 'p', STORE_PATH_SHOWN - 1);
	return cause;
}

/* Every counter is as long as it can be. */
static void whatever_the_figures_are_an_answer_holds_them(void **state)
{
	const struct store_cause cause = longest_cause();
	const struct stats_conflict conflict = { &cause, 32751, "s2147483647", "s2147483647" };
	static struct stats_conn conn;
	static struct stats_domain domain;
	static struct stats_store store;

	memset(&conn, 0xff, sizeof(conn));
	memset(&domain, 0xff, sizeof(domain));
	memset(&store, 0xff, sizeof(store));
	conn.store.ring = conn.queue.paused = false;
	conn.name = conn.cause_name = "s2147483647";
	conn.pid = INT32_MAX;
	conn.command = "\033\033\033\033\033\033\033\033\033\033\033\033\033\033\033";
	conn.store.cause = cause;
	domain.store.introduced = domain.queue.paused = false;
	for (int kind = 0; kind < STORE_QUOTA_KINDS; kind++)
		domain.store.quota[kind].own = false;
	store.version = "0.1.0";
	store.pid = INT32_MAX;
	expect_fits(put_conn, &conn, "a connection");
	expect_fits(put_domain, &domain, "a domain");
	expect_fits(put_conflicts, &conflict, "the conflicts of a domain");
	expect_fits(put_store, &store, "the store");
}

static void json_that_does_not_fit_says_so_at_every_size(void **state)
{
	struct json whole, j;

	json_init(&whole, text, sizeof(text));
	for (size_t size = 0;; size++) {
		char *buffer = malloc(size + 1); /* of exactly that size: a sanitizer sees a byte too much */

		json_init(&j, buffer, size);
		json_open(&j, NULL, '{');
		json_number(&j, "a", UINT64_MAX);
		json_string(&j, "\"", "\0\x1b\\\"z", 5);
		json_open(&j, "list", '[');
		json_bool(&j, NULL, true);
		json_null(&j, NULL);
		json_close(&j, ']');
		json_close(&j, '}');
		if (!j.full) {
			buffer[j.used] = '\0';
			assert_int_equal(j.used, size);
			assert_string_equal(
				buffer,
				"{\"a\":18446744073709551615,\"\\u0022\":\"\\u0000\\u001b\\u005c\\u0022z\","
				"\"list\":[true,null]}");
			free(buffer);
			return;
		}
		free(buffer);
	}
}

/* -- pages -------------------------------------------------------------------------------------- */

/* Walks the pages of @what; each number of @key is seen once, in rising order. Returns how many. */
static uint32_t walk(struct world *w, int fd, const char *what, const char *key)
{
	char args[64], quoted[64];
	uint64_t from = 0, last = 0;
	uint32_t count = 0, pages = 0;

	snprintf(quoted, sizeof(quoted), "{\"%s\":", key);
	do {
		const char *page;

		snprintf(args, sizeof(args), "%s|%" PRIu64 "|", what, from);
		page = stats(w, fd, args);
		for (const char *at = page; (at = strstr(at, quoted)); at++, count++) {
			const uint64_t number = strtoull(at + strlen(quoted), NULL, 10);

			assert_true(number >= from && (!count || number > last));
			last = number;
		}
		page = strstr(page, "\"next\":");
		assert_non_null(page);
		from = strtoull(page + strlen("\"next\":"), NULL, 10);
		assert_true(!from || from > last);
		assert_true(++pages <= count + 1);
	} while (from);
	return count;
}

static void pages_hold_everybody_once(void **state)
{
	enum { SOCKETS = 200, GUESTS = 25 };
	struct world *w = world_begin();
	int fds[SOCKETS];
	struct answer answer;

	for (int i = 0; i < SOCKETS; i++)
		fds[i] = socket_connect(w);
	for (uint32_t domid = 1; domid <= GUESTS; domid++) {
		guest_add(w, domid);
		guest_ask(w, domid, XS_READ, "none", 5, &answer);
	}
	assert_int_equal(walk(w, fds[0], "connections", "id"), SOCKETS + GUESTS + 1);
	assert_int_equal(walk(w, fds[0], "domains", "domain"), GUESTS + 1);
	for (int i = 0; i < SOCKETS; i++)
		close(fds[i]);
	world_end(w);
}

static void what_is_no_question_is_refused(void **state)
{
	static const char *const wrong[] = { "other|",	     "domain|",	      "domain|x|",
					     "domain|-1|",   "domains|x|",    "domain|4294967296|",
					     "domains|1|2|", "connections||", "domain" };
	struct world *w = world_begin();
	const int fd = socket_connect(w);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_string_equal(stats(w, fd, wrong[i]), "EINVAL");
	assert_string_equal(stats(w, fd, "domain|9|"), "ENOENT");
	assert_string_equal(stats(w, fd, "domains|4294967295|"), "{\"domains\":[],\"next\":null}");
	assert_string_equal(stats(w, fd, "connections|4294967295|"), "{\"connections\":[],\"next\":null}");
	close(fd);
	world_end(w);
}

static void a_guest_is_refused(void **state)
{
	struct world *w = world_begin();
	struct answer answer;

	guest_add(w, 5);
	guest_ask(w, 5, XS_CONTROL, "stats", 6, &answer);
	assert_string_equal(answer.payload, "EACCES");
	world_end(w);
}

/* -- figures ------------------------------------------------------------------------------------ */

static void requests_and_errors_are_there_by_name(void **state)
{
	struct world *w = world_begin();
	const int fd = socket_connect(w);
	struct answer answer;
	const char *domain;

	guest_add(w, 5);
	guest_ask(w, 5, XS_WRITE, "a\0value", 7, &answer);
	guest_expect_read(w, 5, "a", "value");
	guest_ask(w, 5, XS_READ, "b", 2, &answer);
	guest_ask(w, 5, 99, "", 0, &answer);
	domain = stats(w, fd, "domain|5|");
	expect_after(
		domain, "{\"domain\":5,",
		"\"requests\":{\"READ\":2,\"WRITE\":1,\"other\":1},\"errors\":{\"ENOENT\":1,\"ENOSYS\":1}");
	assert_int_equal(number_after(domain, "\"nodes\":", "now"), 2);
	assert_int_equal(number_after(domain, "\"nodes\":", "limit"), 1000);
	assert_int_equal(number_after(domain, "\"nodes\":", "max"), 2);
	assert_int_equal(number_after(stats(w, fd, ""), "\"transactions\"", "open"), 0);
	close(fd);
	world_end(w);
}

/* Twelve replies of 104 bytes: nine fit into the ring of 1024, the others wait till the guest has taken some. */
static void queues_and_latencies_of_a_stalled_guest_are_seen(void **state)
{
	struct world *w = world_begin();
	const int fd = socket_connect(w);
	struct answer answer;
	char value[2 + 88];
	const char *domain;

	w->host.now_ns = 1000 * (uint64_t)MS;
	guest_add(w, 5);
	memset(value, 'v', sizeof(value));
	memcpy(value, "a", 2);
	guest_ask(w, 5, XS_WRITE, value, sizeof(value), &answer);
	for (uint32_t i = 0; i < 12; i++)
		guest_put(w, 5, XS_READ, i, "a", 2);
	fake_xen_kick(&w->xen, 5);
	world_settle(w);
	domain = stats(w, fd, "domain|5|");
	assert_int_equal(number_after(domain, "\"queue\"", "replies"), 3);
	assert_int_equal(number_after(domain, "\"queue\"", "bytes"), 12 * 104 - 1024);
	assert_int_equal(number_after(domain, "\"queue\"", "replies_max"), 12);
	assert_int_equal(number_after(domain, "\"queue\"", "bytes_max"), 12 * 104);
	expect_after(domain, "\"queue\"", "\"paused\":false");
	expect_after(domain, "{", "\"latency_us\":[10]"); /* its WRITE, and nine */

	w->host.now_ns += 5 * MS; /* between 2^12 and 2^13 us */
	for (uint32_t i = 0; i < 12; i++)
		guest_get(w, 5, &answer);
	domain = stats(w, fd, "domain|5|");
	expect_after(domain, "{", "\"latency_us\":[10,0,0,0,0,0,0,0,0,0,0,0,0,3]");
	assert_int_equal(number_after(domain, "\"queue\"", "bytes"), 0);
	close(fd);
	world_end(w);
}

/* It takes what is in its ring and tells nobody; an event for it is the next occasion. */
static void replies_handed_out_beside_its_turns_are_timed_too(void **state)
{
	struct world *w = world_begin();
	const int fd = socket_connect(w);
	struct answer answer;
	char value[2 + 88], taken[STORE_PAGE_RING_BYTES];
	struct store_page page;

	w->host.now_ns = 1000 * (uint64_t)MS;
	guest_add(w, 5);
	memset(value, 'v', sizeof(value));
	memcpy(value, "a", 2);
	guest_ask(w, 5, XS_WRITE, value, sizeof(value), &answer);
	guest_ask(w, 5, XS_WATCH, "b\0t", 4, &answer);
	guest_get(w, 5, &answer); /* its first event */
	for (uint32_t i = 0; i < 12; i++)
		guest_put(w, 5, XS_READ, i, "a", 2);
	fake_xen_kick(&w->xen, 5);
	world_settle(w);
	page = guest_page(w, 5);
	assert_int_equal(byte_ring_get(&page.rsp, taken, sizeof(taken)), sizeof(taken));
	w->host.now_ns += 5 * MS;
	socket_ask(w, fd, XS_WRITE, 0, "/local/domain/5/b\0v", 19, &answer);
	expect_after(stats(w, fd, "domain|5|"), "{", "\"latency_us\":[11,0,0,0,0,0,0,0,0,0,0,0,0,3]");
	close(fd);
	world_end(w);
}

/* Of 40 requests nine are answered into the ring and 20 into the queue, which is the quota; two come later still. */
static void a_paused_guest_and_what_waits_are_seen(void **state)
{
	struct world *w = world_begin();
	const int fd = socket_connect(w);
	struct answer answer;
	char value[2 + 88];
	const char *domain;

	guest_add(w, 5);
	memset(value, 'v', sizeof(value));
	memcpy(value, "a", 2);
	guest_ask(w, 5, XS_WRITE, value, sizeof(value), &answer);
	for (uint32_t i = 0; i < 40; i++)
		guest_put(w, 5, XS_READ, i, "a", 2);
	fake_xen_kick(&w->xen, 5);
	world_settle(w);
	guest_put(w, 5, XS_READ, 40, "a", 2);
	guest_put(w, 5, XS_READ, 41, "a", 2);
	fake_xen_kick(&w->xen, 5);
	world_settle(w);
	domain = stats(w, fd, "domain|5|");
	expect_after(domain, "\"queue\"", "\"paused\":true");
	assert_int_equal(number_after(domain, "\"queue\"", "replies"), 20);
	assert_int_equal(number_after(domain, "\"queue\"", "requests"), 11);
	assert_int_equal(number_after(domain, "\"queue\"", "unread_bytes"), 2 * (WIRE_HEADER_SIZE + 2));
	assert_int_equal(number_after(domain, "\"outstanding\":", "now"), 20);
	for (uint32_t i = 0; i < 42; i++)
		guest_get(w, 5, &answer);
	domain = stats(w, fd, "domain|5|");
	expect_after(domain, "\"queue\"", "\"requests\":0,\"unread_bytes\":0,\"replies\":0");
	expect_after(domain, "\"queue\"", "\"paused\":false");
	close(fd);
	world_end(w);
}

static void a_conflict_is_told_with_both_connections(void **state)
{
	struct world *w = world_begin();
	const int fd = socket_connect(w), other = socket_connect(w);
	struct answer answer;
	const char *conflicts;
	uint32_t id;

	socket_ask(w, other, XS_WRITE, 0, "/x\0001", 4, &answer);
	socket_ask(w, fd, XS_TRANSACTION_START, 0, "", 1, &answer);
	id = (uint32_t)atoi(answer.payload);
	socket_ask(w, fd, XS_READ, id, "/x", 3, &answer);
	socket_ask(w, other, XS_WRITE, 0, "/x\0002", 4, &answer);
	socket_ask(w, fd, XS_WRITE, id, "/y\0002", 4, &answer);
	socket_ask(w, fd, XS_TRANSACTION_END, id, "T", 2, &answer);
	assert_string_equal(answer.payload, "EAGAIN");
	conflicts = stats(w, fd, "conflicts|");
	expect_after(conflicts, "\"lost_by\":{\"domain\":0,\"connection\":\"s",
		     "\"kind\":\"written\",\"path\":\"/x\"");
	expect_after(conflicts, "\"caused_by\":{\"domain\":0,\"connection\":\"s",
		     "\"count\":1}],\"next\":null}");
	close(other);
	world_settle(w);
	expect_after(stats(w, fd, "conflicts|"), "\"kind\":\"written\"",
		     "\"caused_by\":{\"domain\":0,\"connection\":null}");
	close(fd);
	world_end(w);
}

/* Who connected is known of a real socket, and calls itself what it likes. */
static void a_client_is_named_and_its_name_escaped(void **state)
{
	struct world *w = world_begin();
	const int asks = socket_connect(w);
	int pair[2];
	char name[16], wanted[64];
	const char *page;

	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(client_new(&w->server.sockets, pair[1], getpid()), 0);
	assert_int_equal(prctl(PR_SET_NAME, "a\"\n\033[31m"), 0);
	page = stats(w, asks, "connections|");
	snprintf(wanted, sizeof(wanted), "\"pid\":%d,\"command\":\"a\\u0022\\u000a\\u001b[31m\"", getpid());
	expect_after(page, "{", wanted);
	expect_after(page, "{", "\"pid\":null,\"command\":null");
	assert_int_equal(prctl(PR_SET_NAME, name), 0);
	close(pair[0]);
	close(asks);
	world_end(w);
}

static void what_clients_did_stays_domain_0s(void **state)
{
	struct world *w = world_begin();
	const int fd = socket_connect(w);
	const char *domain;
	struct answer answer;

	for (int i = 0; i < 10; i++) {
		const int other = socket_connect(w);

		socket_ask(w, other, XS_READ, 0, "/none", 6, &answer);
		close(other);
		world_settle(w);
	}
	domain = stats(w, fd, "domain|0|");
	assert_int_equal(number_after(domain, "\"requests\"", "READ"), 10);
	assert_true(strtoull(strstr(domain, "\"latency_us\":[") + strlen("\"latency_us\":["), NULL, 10) >=
		    10);
	assert_int_equal(number_after(stats(w, fd, "domain|0|"), "{", "connections"),
			 2); /* its ring, and this */
	close(fd);
	world_end(w);
}

/* -- the meter ---------------------------------------------------------------------------------- */

static void latencies_are_sorted_by_powers_of_two(void **state)
{
	static const struct {
		uint64_t ns;
		unsigned int row;
	} rows[] = { { 0, 0 },
		     { 999, 0 },
		     { 1000, 1 },
		     { 1999, 1 },
		     { 2000, 2 },
		     { 3999, 2 },
		     { 4000, 3 },
		     { 1023999, 10 },
		     { 1024000, 11 },
		     { 4194303999ull, 22 },
		     { 4194304000ull, 23 },
		     { UINT64_MAX / 2, 23 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct meter m = { .heard_ns = 77 };

		meter_read(&m);
		meter_queued(&m, 1, 16, 1);
		meter_taken(&m, 1);
		meter_handed_out(&m, 77 + rows[i].ns);
		assert_int_equal(m.sum.latency[rows[i].row], 1);
	}
}

/* Replies that wait keep the time of their own batch, as long as there are places; then that of the last. */
static void batches_keep_their_time(void **state)
{
	struct meter m = { 0 };

	for (uint64_t i = 0; i < METER_BATCHES + 2; i++) {
		m.heard_ns = i * MS;
		meter_read(&m);
		meter_queued(&m, (uint32_t)i + 1, 16, 1);
		meter_queued(&m, (uint32_t)i + 1, 32, 0); /* an event is nobody's answer */
	}
	assert_int_equal(m.most_bytes, 32);
	assert_int_equal(m.most_replies, METER_BATCHES + 2);
	meter_taken(&m, 2);
	meter_handed_out(&m, 5 * MS + MS / 3); /* after 5 and 4 ms */
	assert_int_equal(m.sum.latency[13], 2);
	meter_taken(&m, 4);
	meter_handed_out(&m, 5 * MS + MS / 3); /* 3 ms, and 2 for those that joined the last */
	assert_int_equal(m.sum.latency[13], 2);
	assert_int_equal(m.sum.latency[12], 4);
	meter_taken(&m, 9);
	meter_handed_out(&m, 8 * MS);
	assert_int_equal(m.sum.latency[13], 2);
	assert_int_equal(m.batch_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_the_figures_are_an_answer_holds_them),
		cmocka_unit_test(json_that_does_not_fit_says_so_at_every_size),
		cmocka_unit_test(pages_hold_everybody_once),
		cmocka_unit_test(what_is_no_question_is_refused),
		cmocka_unit_test(a_guest_is_refused),
		cmocka_unit_test(requests_and_errors_are_there_by_name),
		cmocka_unit_test(queues_and_latencies_of_a_stalled_guest_are_seen),
		cmocka_unit_test(replies_handed_out_beside_its_turns_are_timed_too),
		cmocka_unit_test(a_paused_guest_and_what_waits_are_seen),
		cmocka_unit_test(a_conflict_is_told_with_both_connections),
		cmocka_unit_test(a_client_is_named_and_its_name_escaped),
		cmocka_unit_test(what_clients_did_stays_domain_0s),
		cmocka_unit_test(latencies_are_sorted_by_powers_of_two),
		cmocka_unit_test(batches_keep_their_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
