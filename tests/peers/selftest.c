/* SPDX-License-Identifier: MIT */
/* The driver of the three servers itself: what other tests rest on. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <peer.h>

#define MANY 1000

static struct peer *begin(enum peer_kind kind)
{
	const char *missing = peer_missing(kind);
	struct peer *peer;

	if (missing) {
		print_message("%s: skipped: %s\n", peer_name(kind), missing);
		skip();
	}
	assert_int_equal(peer_start(kind, NULL, &peer), 0);
	return peer;
}

static enum peer_kind kind_of(void **state)
{
	return (enum peer_kind)(uintptr_t)*state;
}

static void ask(struct peer_conn *conn, uint32_t type, const char *payload, size_t len, const char *answer)
{
	struct peer_message reply;

	assert_int_equal(peer_ask(conn, type, 0, payload, len, &reply), 0);
	assert_string_equal(reply.payload, answer);
}

/* @text's NULs are written as '|', the last one too where it has one. */
static void say(struct peer_conn *conn, uint32_t type, const char *text, const char *answer)
{
	char payload[256];
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		payload[i] = text[i] == '|' ? '\0' : text[i];
	ask(conn, type, payload, len, answer);
}

static struct peer_conn *introduce(struct peer *peer, struct peer_conn *dom0, uint32_t domid)
{
	struct peer_conn *guest;
	char text[64];

	assert_int_equal(peer_domain_create(peer, domid), 0);
	assert_int_equal(peer_guest(peer, domid, &guest), 0);
	snprintf(text, sizeof(text), "%u|1|1|", domid);
	say(dom0, XS_INTRODUCE, text, "OK");
	return guest;
}

static void a_socket_is_served(void **state)
{
	struct peer *peer = begin(kind_of(state));
	struct peer_conn *conn;

	assert_int_equal(peer_connect(peer, &conn), 0);
	say(conn, XS_WRITE, "/a|1", "OK");
	say(conn, XS_READ, "/a|", "1");
	say(conn, XS_READ, "/b|", "ENOENT");
	assert_true(peer_rss(peer) > 100);
	assert_int_equal(peer_stop(peer), 0);
}

static void events_are_kept_in_order(void **state)
{
	struct peer *peer = begin(kind_of(state));
	struct peer_conn *conn;
	struct peer_message event;
	const char *paths[] = { "/a", "/a/1", "/a/2", "/a/3" };

	assert_int_equal(peer_connect(peer, &conn), 0);
	say(conn, XS_WATCH, "/a|t|", "OK");
	say(conn, XS_WRITE, "/a/1|x", "OK");
	say(conn, XS_WRITE, "/a/2|x", "OK");
	say(conn, XS_WRITE, "/a/3|x", "OK");
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(peer_event(conn, &event), 0);
		assert_string_equal(event.payload, paths[i]);
	}
	assert_int_equal(peer_event(conn, &event), -EAGAIN);
	assert_int_equal(peer_receive(conn, &event, 0), -ETIME);
	assert_int_equal(peer_stop(peer), 0);
}

static void a_guest_is_served_on_its_ring(void **state)
{
	struct peer *peer = begin(kind_of(state));
	struct peer_conn *dom0, *guest;
	char value[900];

	memset(value, 'v', sizeof(value));
	assert_int_equal(peer_connect(peer, &dom0), 0);
	guest = introduce(peer, dom0, 5);
	say(dom0, XS_MKDIR, "/local/domain/5|", "OK");
	say(dom0, XS_SET_PERMS, "/local/domain/5|n5|", "OK");
	memcpy(value, "big", 4);
	for (int i = 0; i < 20; i++) /* many times round the ring */
		ask(guest, XS_WRITE, value, sizeof(value), "OK");
	say(dom0, XS_DIRECTORY, "/local/domain/5|", "big");
	say(guest, XS_WRITE, "/other|1", "EACCES");
	assert_int_equal(peer_stop(peer), 0);
}

/* Not on C, which empties the ring first. */
static void what_a_guest_asked_before_its_introduction_is_answered(void **state)
{
	struct peer *peer = begin(kind_of(state));
	struct peer_conn *dom0, *guest;
	struct peer_message reply;

	assert_int_equal(peer_connect(peer, &dom0), 0);
	assert_int_equal(peer_domain_create(peer, 5), 0);
	assert_int_equal(peer_guest(peer, 5, &guest), 0);
	assert_int_equal(peer_send(guest, XS_GET_DOMAIN_PATH, 77, 0, "5", 2), 0);
	say(dom0, XS_INTRODUCE, "5|1|1|", "OK");
	assert_int_equal(peer_receive(guest, &reply, PEER_PATIENCE_MS), 0);
	assert_int_equal(reply.header.req_id, 77);
	assert_string_equal(reply.payload, "/local/domain/5");
	assert_int_equal(peer_stop(peer), 0);
}

/* The VIRQ alone tells: nobody asks. */
static void a_domains_death_is_noticed(void **state)
{
	struct peer *peer = begin(kind_of(state));
	struct peer_conn *dom0, *watcher;
	struct peer_message event;

	assert_int_equal(peer_connect(peer, &dom0), 0);
	assert_int_equal(peer_connect(peer, &watcher), 0);
	introduce(peer, dom0, 5);
	introduce(peer, dom0, 6);
	say(watcher, XS_WATCH, "@releaseDomain|t|", "OK");
	assert_int_equal(peer_event(watcher, &event), 0);
	assert_int_equal(peer_event(watcher, &event), -EAGAIN);
	assert_int_equal(peer_domain_destroy(peer, 5), 0);
	assert_int_equal(peer_virq(peer), 0);
	assert_int_equal(peer_receive(watcher, &event, PEER_PATIENCE_MS), 0);
	assert_string_equal(event.payload, "@releaseDomain");
	say(dom0, XS_IS_DOMAIN_INTRODUCED, "5|", "F");
	say(dom0, XS_IS_DOMAIN_INTRODUCED, "6|", "T");
	assert_int_equal(peer_domain_shutdown(peer, 6), 0);
	assert_int_equal(peer_virq(peer), 0);
	assert_int_equal(peer_receive(watcher, &event, PEER_PATIENCE_MS), 0);
	say(dom0, XS_IS_DOMAIN_INTRODUCED, "6|", "T");
	assert_int_equal(peer_stop(peer), 0);
}

static void an_end_before_its_time_is_told(void **state)
{
	struct peer *peer = begin(kind_of(state));
	struct peer_conn *conn;
	struct peer_message reply;
	char text[256];

	assert_int_equal(peer_connect(peer, &conn), 0);
	assert_false(peer_has_ended(peer));
	kill(peer_pid(peer), SIGKILL);
	assert_int_equal(peer_receive(conn, &reply, PEER_PATIENCE_MS), -EPIPE);
	while (!peer_has_ended(peer))
		;
	assert_true(peer_output(peer, text, sizeof(text)) < sizeof(text));
	assert_int_equal(peer_stop(peer), 1);
}

static void what_cannot_start_is_told(void **state)
{
	struct peer *peer;
	const char *const wrong[] = { "--no-such-option", NULL };

	if (peer_missing(PEER_OURS))
		skip();
	assert_int_equal(peer_start(PEER_OURS, wrong, &peer), -ECHILD);
}

/* Nothing of the driver may cost a scan: each asks at once, then each is answered; twice, the second time from a
 * server that has them all. */
static void a_thousand_guests_are_served(void **state)
{
	struct peer *peer = begin(PEER_OURS);
	struct peer_conn *dom0, *guests[MANY];
	struct peer_message reply;

	assert_int_equal(peer_connect(peer, &dom0), 0);
	for (uint32_t i = 0; i < MANY; i++)
		guests[i] = introduce(peer, dom0, i + 1);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < MANY; i++)
			assert_int_equal(peer_send(guests[i], XS_GET_DOMAIN_PATH, i, 0, "1", 2), 0);
		for (uint32_t i = 0; i < MANY; i++) {
			assert_int_equal(peer_receive(guests[i], &reply, PEER_PATIENCE_MS), 0);
			assert_int_equal(reply.header.req_id, i);
		}
	}
	assert_int_equal(peer_stop(peer), 0);
}

#define OF(test, kind)                                                        \
	{                                                                     \
#test ": " #kind, test, NULL, NULL, (void *)(uintptr_t)(kind) \
	}
#define OF_EACH(test) OF(test, PEER_OURS), OF(test, PEER_C), OF(test, PEER_OX)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OF_EACH(a_socket_is_served),
		OF_EACH(events_are_kept_in_order),
		OF_EACH(a_guest_is_served_on_its_ring),
		OF(what_a_guest_asked_before_its_introduction_is_answered, PEER_OURS),
		OF(what_a_guest_asked_before_its_introduction_is_answered, PEER_OX),
		OF_EACH(a_domains_death_is_noticed),
		OF_EACH(an_end_before_its_time_is_told),
		cmocka_unit_test(what_cannot_start_is_told),
		cmocka_unit_test(a_thousand_guests_are_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
