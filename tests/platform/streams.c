/* SPDX-License-Identifier: MIT */
/* The contract of streams: <xenbus/host.h>. Sends and receives may be cut short at any time, so each is a loop. */
#include <errno.h>
#include <string.h>

#include "fixture.h"

/* A client and a server, one process each, connected. */
struct pair {
	struct fixture *fx;
	struct xenbus_host *client, *server;
	int cfd, sfd; /* sfd: -1 until accepted */
	const char *path;
};

static void accepted(void *ctx, int fd)
{
	struct pair *p = ctx;

	assert_int_equal(p->sfd, -1);
	p->sfd = fd;
}

static void pair_listen(struct pair *p, struct fixture *fx)
{
	struct xen_platform *server = fixture_open(fx, 0);

	*p = (struct pair){ .fx = fx, .cfd = -1, .sfd = -1 };
	p->client = fixture_host(fx, fixture_open(fx, 0));
	p->server = fixture_host(fx, server);
	p->path = fixture_listen(fx, server, accepted, p);
}

static void pair_accept(struct pair *p)
{
	while (p->sfd < 0)
		fixture_turn(p->fx);
}

static void pair_open(struct pair *p, struct fixture *fx)
{
	pair_listen(p, fx);
	p->cfd = xenbus_stream_connect(p->client, p->path);
	assert_true(p->cfd >= 0);
	pair_accept(p);
}

static void pair_close(struct pair *p)
{
	if (p->cfd >= 0)
		xenbus_stream_close(p->client, p->cfd);
	if (p->sfd >= 0)
		xenbus_stream_close(p->server, p->sfd);
}

static void send_all(struct xenbus_host *host, int fd, const char *text)
{
	for (size_t at = 0, len = strlen(text); at < len;) {
		ssize_t n = xenbus_stream_send(host, fd, text + at, len - at);

		assert_true(n > 0 && (size_t)n <= len - at);
		at += (size_t)n;
	}
}

static void recv_all(struct xenbus_host *host, int fd, const char *text)
{
	char buf[64] = "";

	for (size_t at = 0, len = strlen(text); at < len;) {
		ssize_t n = xenbus_stream_recv(host, fd, buf + at, len - at);

		assert_true(n > 0 && (size_t)n <= len - at);
		at += (size_t)n;
	}
	assert_string_equal(buf, text);
}

static int recv_one(struct xenbus_host *host, int fd)
{
	char c;

	return (int)xenbus_stream_recv(host, fd, &c, 1);
}

static void bytes_go_both_ways_in_order(void **state)
{
	struct pair p;

	pair_open(&p, *state);
	assert_int_equal(recv_one(p.client, p.cfd), -EAGAIN);
	send_all(p.client, p.cfd, "a request");
	send_all(p.client, p.cfd, ", and one more");
	recv_all(p.server, p.sfd, "a request, and one more");
	assert_int_equal(recv_one(p.server, p.sfd), -EAGAIN);
	send_all(p.server, p.sfd, "an answer");
	recv_all(p.client, p.cfd, "an answer");
	pair_close(&p);
}

static void what_was_sent_before_the_accept_is_there(void **state)
{
	struct pair p;

	pair_listen(&p, *state);
	p.cfd = xenbus_stream_connect(p.client, p.path);
	assert_true(p.cfd >= 0);
	send_all(p.client, p.cfd, "early");
	xenbus_stream_close(p.client, p.cfd);
	p.cfd = -1;
	pair_accept(&p);
	recv_all(p.server, p.sfd, "early");
	assert_int_equal(recv_one(p.server, p.sfd), 0);
	pair_close(&p);
}

static void a_full_stream_takes_no_more_until_it_is_read(void **state)
{
	static const uint8_t block[1000];
	static uint8_t buf[5000];
	size_t sent = 0, got = 0;
	struct pair p;
	ssize_t n;

	pair_open(&p, *state);
	while ((n = xenbus_stream_send(p.client, p.cfd, block, sizeof(block))) > 0) {
		sent += (size_t)n;
		assert_true(sent < 100000000);
	}
	assert_int_equal(n, -EAGAIN);
	assert_true(sent >= sizeof(block));
	while ((n = xenbus_stream_recv(p.server, p.sfd, buf, sizeof(buf))) > 0)
		got += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(got, sent);
	assert_true(xenbus_stream_send(p.client, p.cfd, block, sizeof(block)) > 0);
	pair_close(&p);
}

static void the_end_comes_after_the_last_byte(void **state)
{
	struct pair p;

	pair_open(&p, *state);
	send_all(p.client, p.cfd, "last");
	xenbus_stream_close(p.client, p.cfd);
	p.cfd = -1;
	recv_all(p.server, p.sfd, "last");
	for (int i = 0; i < 2; i++)
		assert_int_equal(recv_one(p.server, p.sfd), 0);
	assert_int_equal(xenbus_stream_send(p.server, p.sfd, "x", 1), -EPIPE);
	pair_close(&p);
}

static void a_close_with_bytes_unread_resets_the_peer(void **state)
{
	struct pair p;

	pair_open(&p, *state);
	send_all(p.client, p.cfd, "nobody reads this");
	send_all(p.server, p.sfd, "bye");
	xenbus_stream_close(p.server, p.sfd);
	p.sfd = -1;
	recv_all(p.client, p.cfd, "bye");
	assert_int_equal(recv_one(p.client, p.cfd), -ECONNRESET);
	assert_int_equal(recv_one(p.client, p.cfd), 0);
	assert_int_equal(xenbus_stream_send(p.client, p.cfd, "x", 1), -EPIPE);
	pair_close(&p);
}

static void connecting_to_nobody_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct xenbus_host *host = fixture_host(fx, fixture_open(fx, 0));
	char long_path[200] = "/";

	memset(long_path + 1, 'x', sizeof(long_path) - 2);
	assert_int_equal(xenbus_stream_connect(host, fixture_nobody(fx)), -ENOENT);
	assert_int_equal(xenbus_stream_connect(host, long_path), -ENAMETOOLONG);
}

/* -- readiness ------------------------------------------------------------------------------------------- */

struct heard {
	struct xenbus_source source;
	unsigned int events;
	int times;
};

static void heard_ready(struct xenbus_source *source, unsigned int events)
{
	struct heard *h = (struct heard *)source;

	h->events = events;
	h->times++;
}

/* What @host tells of the source now; 0: nothing. */
static unsigned int told(struct heard *h, struct xenbus_host *host)
{
	h->events = 0;
	xenbus_host_dispatch(host, 0);
	return h->events;
}

static void a_stream_is_readable_while_there_are_bytes(void **state)
{
	struct heard h = { .source.ready = heard_ready };
	struct pair p;

	pair_open(&p, *state);
	assert_int_equal(xenbus_source_add(p.server, &h.source, p.sfd, XENBUS_SOURCE_READ), 0);
	assert_int_equal(told(&h, p.server), 0);
	send_all(p.client, p.cfd, "x");
	for (int i = 0; i < 2; i++)
		assert_int_equal(told(&h, p.server), XENBUS_SOURCE_READ);
	recv_all(p.server, p.sfd, "x");
	assert_int_equal(told(&h, p.server), 0);
	xenbus_source_remove(p.server, &h.source);
	pair_close(&p);
}

static void a_stream_is_writable_while_there_is_room(void **state)
{
	static const uint8_t block[1000];
	static uint8_t buf[5000];
	struct heard h = { .source.ready = heard_ready };
	struct pair p;

	pair_open(&p, *state);
	assert_int_equal(
		xenbus_source_add(p.client, &h.source, p.cfd, XENBUS_SOURCE_READ | XENBUS_SOURCE_WRITE), 0);
	assert_int_equal(told(&h, p.client), XENBUS_SOURCE_WRITE);
	while (xenbus_stream_send(p.client, p.cfd, block, sizeof(block)) > 0)
		;
	assert_int_equal(told(&h, p.client), 0);
	while (xenbus_stream_recv(p.server, p.sfd, buf, sizeof(buf)) > 0)
		;
	assert_int_equal(told(&h, p.client), XENBUS_SOURCE_WRITE);
	xenbus_source_remove(p.client, &h.source);
	pair_close(&p);
}

/* Also to who asked for nothing. */
static void a_hang_up_is_always_told(void **state)
{
	struct heard h = { .source.ready = heard_ready };
	struct pair p;

	pair_open(&p, *state);
	assert_int_equal(xenbus_source_add(p.client, &h.source, p.cfd, 0), 0);
	assert_int_equal(told(&h, p.client), 0);
	xenbus_stream_close(p.server, p.sfd);
	p.sfd = -1;
	for (int i = 0; i < 2; i++)
		assert_int_equal(told(&h, p.client), XENBUS_SOURCE_HANGUP);
	assert_int_equal(xenbus_source_modify(p.client, &h.source, XENBUS_SOURCE_READ), 0);
	assert_int_equal(told(&h, p.client), XENBUS_SOURCE_READ | XENBUS_SOURCE_HANGUP);
	assert_int_equal(recv_one(p.client, p.cfd), 0);
	xenbus_source_remove(p.client, &h.source);
	pair_close(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(bytes_go_both_ways_in_order),
		CONTRACT(what_was_sent_before_the_accept_is_there),
		CONTRACT(a_full_stream_takes_no_more_until_it_is_read),
		CONTRACT(the_end_comes_after_the_last_byte),
		CONTRACT(a_close_with_bytes_unread_resets_the_peer),
		CONTRACT(connecting_to_nobody_is_refused),
		CONTRACT(a_stream_is_readable_while_there_are_bytes),
		CONTRACT(a_stream_is_writable_while_there_is_room),
		CONTRACT(a_hang_up_is_always_told),
	};

	return CONTRACT_MAIN(argc, argv, tests);
}
