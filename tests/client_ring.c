/* SPDX-License-Identifier: MIT */
/* A session over a ring page whose other side is the test: polite, gone, begun anew, or lying. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xenbus/platform_ops.h>
#include <xenbus/ring.h>
#include <xenbus/wire.h>

#include "client_world.h"
#include "failing_alloc.h"

#define PORT 5

/* A domain whose one port is an eventfd, and the server at the other side of its page. */
struct domain {
	struct xen_platform platform;
	struct xen_platform_evtchn xce;
	struct virtual_host host;
	struct xenstore *xs;
	_Alignas(4096) uint8_t page[4096];
	struct store_page server;
	int to_guest;
	bool kicked, masked, taken; /* the server was notified; the port is masked; the page is out */
	bool dead, answers_reset;
	bool eager; /* fills the ring as soon as there is room, and tells nobody */
	uint8_t in[8192], out[65536];
	size_t in_used, out_head, out_tail;
	uint32_t last_op;
	char watch_args[64];
	size_t watch_len;
	int messages, lost, lost_error, reconnected;
};

static struct domain *to_domain(struct xen_platform *platform)
{
	return list_entry(platform, struct domain, platform);
}

static void dom_close(struct xen_platform *platform)
{
}

static int dom_domid(struct xen_platform *platform)
{
	return 1;
}

static int dom_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out)
{
	*out = &to_domain(platform)->xce;
	(*out)->platform = platform;
	return 0;
}

static void dom_evtchn_close(struct xen_platform_evtchn *xce)
{
}

static int dom_evtchn_fd(struct xen_platform_evtchn *xce)
{
	return to_domain(xce->platform)->to_guest;
}

static int dom_notify(struct xen_platform_evtchn *xce, uint32_t port)
{
	struct domain *d = to_domain(xce->platform);
	int put;

	assert_int_equal(port, PORT);
	d->kicked = true;
	if (d->eager) {
		put = byte_ring_put(&d->server.rsp, d->out + d->out_head, d->out_tail - d->out_head);
		assert_true(put >= 0);
		d->out_head += (size_t)put;
	}
	return 0;
}

static int dom_pending(struct xen_platform_evtchn *xce)
{
	struct domain *d = to_domain(xce->platform);
	eventfd_t count;

	if (d->masked || eventfd_read(d->to_guest, &count))
		return -EAGAIN;
	d->masked = true;
	return PORT;
}

static int dom_unmask(struct xen_platform_evtchn *xce, uint32_t port)
{
	to_domain(xce->platform)->masked = false;
	return 0;
}

static int dom_store_ring(struct xen_platform *platform, struct xen_platform_evtchn *xce, void **page,
			  uint32_t *port)
{
	struct domain *d = to_domain(platform);

	if (d->taken)
		return -EBUSY;
	d->taken = true;
	*page = d->page;
	*port = PORT;
	return 0;
}

static void dom_store_ring_release(struct xen_platform *platform, void *page)
{
	to_domain(platform)->taken = false;
}

static const struct xen_platform_ops domain_ops = {
	.name = "test",
	.close = dom_close,
	.domid = dom_domid,
	.evtchn_open = dom_evtchn_open,
	.evtchn_close = dom_evtchn_close,
	.evtchn_fd = dom_evtchn_fd,
	.evtchn_notify = dom_notify,
	.evtchn_pending = dom_pending,
	.evtchn_unmask = dom_unmask,
	.store_ring = dom_store_ring,
	.store_ring_release = dom_store_ring_release,
};

static void kick_guest(struct domain *d)
{
	assert_int_equal(eventfd_write(d->to_guest, 1), 0);
}

static void server_say(struct domain *d, uint32_t type, uint32_t req_id, const char *payload, size_t len)
{
	assert_true(d->out_tail + WIRE_HEADER_SIZE + len <= sizeof(d->out));
	wire_header_put(d->out + d->out_tail, type, req_id, 0, (uint32_t)len);
	memcpy(d->out + d->out_tail + WIRE_HEADER_SIZE, payload, len);
	d->out_tail += WIRE_HEADER_SIZE + len;
}

static void server_message(struct domain *d, const struct xsd_sockmsg *header, const char *payload)
{
	char event[128];
	int len;

	d->messages++;
	d->last_op = header->type;
	if (header->type == XS_READ) {
		server_say(d, XS_READ, header->req_id, payload, header->len - 1);
		return;
	}
	server_say(d, header->type, header->req_id, "OK", 3);
	if (header->type != XS_WATCH)
		return;
	memcpy(d->watch_args, payload, header->len < 64 ? header->len : 64);
	d->watch_len = header->len;
	len = snprintf(event, sizeof(event), "%s%c%s", payload, 0, payload + strlen(payload) + 1) + 1;
	server_say(d, XS_WATCH_EVENT, 0, event, (size_t)len);
}

static bool server_reset(struct domain *d)
{
	if (!d->answers_reset || atomic_load(d->server.connection) != STORE_PAGE_RECONNECT)
		return false;
	store_page_reset(&d->server);
	d->in_used = d->out_head = d->out_tail = 0;
	atomic_store(d->server.error, 0);
	atomic_store(d->server.connection, STORE_PAGE_CONNECTED);
	kick_guest(d);
	return true;
}

static bool server_step(void *ctx)
{
	struct domain *d = ctx;
	struct xsd_sockmsg header;
	int got, put = 0;

	if (d->dead || !d->kicked)
		return false;
	d->kicked = false;
	if (server_reset(d))
		return true;
	got = byte_ring_get(&d->server.req, d->in + d->in_used, sizeof(d->in) - d->in_used);
	assert_true(got >= 0);
	d->in_used += (size_t)got;
	while (d->in_used >= WIRE_HEADER_SIZE) {
		wire_header_get(d->in, &header);
		if (d->in_used < WIRE_HEADER_SIZE + header.len)
			break;
		server_message(d, &header, (char *)d->in + WIRE_HEADER_SIZE);
		d->in_used -= WIRE_HEADER_SIZE + header.len;
		memmove(d->in, d->in + WIRE_HEADER_SIZE + header.len, d->in_used);
	}
	if (d->out_tail > d->out_head)
		put = byte_ring_put(&d->server.rsp, d->out + d->out_head, d->out_tail - d->out_head);
	assert_true(put >= 0);
	d->out_head += (size_t)put;
	if (got || put)
		kick_guest(d);
	return true;
}

static void on_lost(void *ctx, int error)
{
	((struct domain *)ctx)->lost++;
	((struct domain *)ctx)->lost_error = error;
}

static void on_reconnected(void *ctx)
{
	((struct domain *)ctx)->reconnected++;
}

static struct domain *domain_new(void)
{
	struct domain *d = aligned_alloc(4096, sizeof(*d));

	memset(d, 0, sizeof(*d));
	d->platform.ops = &domain_ops;
	virtual_host_init(&d->host);
	d->host.idle = server_step;
	d->host.ctx = d;
	d->to_guest = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	store_page_attach(&d->server, d->page);
	return d;
}

static int domain_open(struct domain *d)
{
	const struct xenstore_events events = { .lost = on_lost, .reconnected = on_reconnected, .ctx = d };

	return xenstore_open_ring(&d->host.base, &d->platform, &events, &d->xs);
}

static struct domain *domain_open_new(uint32_t features)
{
	struct domain *d = domain_new();

	atomic_store(d->server.server_features, features);
	d->answers_reset = features & STORE_PAGE_FEATURE_RECONNECT;
	assert_int_equal(domain_open(d), 0);
	return d;
}

static void domain_free(struct domain *d)
{
	xenstore_close(d->xs);
	assert_false(d->taken);
	virtual_host_deinit(&d->host);
	close(d->to_guest);
	free(d);
}

static int read_path(struct domain *d, struct test_request *req, const char *path)
{
	const struct iovec iov = { (void *)(uintptr_t)path, strlen(path) + 1 };

	return xenstore_submit(d->xs, &req->req, XS_READ, 0, &iov, 1);
}

static void expect_working(struct domain *d)
{
	struct test_request req = test_request();

	assert_int_equal(read_path(d, &req, "/works"), 0);
	virtual_host_settle(&d->host);
	assert_int_equal(req.done, 1);
	assert_string_equal(req.reply, "/works");
}

static void messages_larger_than_the_ring_pass(void **state)
{
	struct domain *d = domain_open_new(0);
	struct test_request req[3];
	static char path[XENSTORE_PAYLOAD_MAX];

	memset(path, 'x', sizeof(path) - 1);
	for (int i = 0; i < 3; i++) {
		req[i] = test_request();
		assert_int_equal(read_path(d, &req[i], path), 0);
	}
	virtual_host_settle(&d->host);
	for (int i = 0; i < 3; i++)
		assert_string_equal(req[i].reply, path);
	assert_int_equal(d->lost, 0);
	domain_free(d);
}

/* More comes while it reads, without another event: one turn reads a bounded amount, the next the rest. */
static void a_turn_that_ended_at_its_bound_is_continued(void **state)
{
	struct domain *d = domain_open_new(0);
	struct test_request req = test_request();
	static char path[XENSTORE_PAYLOAD_MAX];

	memset(path, 'x', sizeof(path) - 1);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(read_path(d, &req, path), 0);
		d->eager = true;
		virtual_host_settle(&d->host);
		assert_string_equal(req.reply, path);
	}
	domain_free(d);
}

static void depth_follows_the_servers_features(void **state)
{
	for (int known = 0; known < 2; known++) {
		struct domain *d = domain_open_new(known ? STORE_PAGE_FEATURE_WATCH_DEPTH : 0);
		struct test_watch watch = test_watch("/w");

		assert_int_equal(xenstore_features(d->xs), known ? STORE_PAGE_FEATURE_WATCH_DEPTH : 0);
		watch.watch.depth_plus_1 = 2;
		assert_int_equal(xenstore_watch_add(d->xs, &watch.watch, NULL), 0);
		virtual_host_settle(&d->host);
		assert_int_equal(watch.fired, 1);
		assert_int_equal(wire_count_strings(d->watch_args, d->watch_len), known ? 3 : 2);
		domain_free(d);
	}
}

/* An earlier process of the domain left answers, and watches, behind. */
static void leave_traces(struct domain *d)
{
	server_say(d, XS_READ, 77, "late", 4);
	server_say(d, XS_WATCH_EVENT, 0, "/w\0token", 9);
	d->out_head = (size_t)byte_ring_put(&d->server.rsp, d->out, d->out_tail);
}

static void a_predecessors_answers_are_skipped(void **state)
{
	struct domain *d = domain_new();

	leave_traces(d);
	assert_int_equal(domain_open(d), 0);
	virtual_host_settle(&d->host);
	assert_int_equal(d->last_op, XS_RESET_WATCHES);
	expect_working(d);
	assert_int_equal(d->lost, 0);
	domain_free(d);
}

static void a_used_ring_is_reset_where_the_server_can(void **state)
{
	struct domain *d = domain_new();
	struct test_request req = test_request();

	atomic_store(d->server.server_features, WIRE_FEATURES_ALL);
	d->answers_reset = true;
	leave_traces(d);
	assert_int_equal(domain_open(d), 0);
	assert_false(xenstore_connected(d->xs));
	assert_int_equal(read_path(d, &req, "/early"), 0); /* taken, and sent behind the reset */
	virtual_host_settle(&d->host);
	assert_true(xenstore_connected(d->xs));
	assert_string_equal(req.reply, "/early");
	assert_int_equal(d->lost, 0);
	domain_free(d);
}

static void a_ring_not_reset_in_time_can_be_closed(void **state)
{
	struct domain *d = domain_new();
	struct test_request req = test_request();

	atomic_store(d->server.server_features, WIRE_FEATURES_ALL);
	leave_traces(d);
	assert_int_equal(domain_open(d), 0);
	assert_int_equal(read_path(d, &req, "/early"), 0);
	virtual_host_settle(&d->host);
	assert_int_equal(req.done, 0);
	domain_free(d);
	assert_int_equal(req.error, -ENOTCONN);
}

/* INTRODUCE once more: the server went and another came. */
static void a_ring_made_anew_is_a_lost_connection(void **state)
{
	struct domain *d = domain_open_new(0);
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");

	assert_int_equal(xenstore_watch_add(d->xs, &watch.watch, NULL), 0);
	expect_working(d);
	d->dead = true;
	assert_int_equal(read_path(d, &req, "/never"), 0);
	virtual_host_settle(&d->host);
	assert_int_equal(req.done, 0);
	store_page_reset(&d->server);
	d->in_used = d->out_head = d->out_tail = 0;
	d->dead = false;
	kick_guest(d);
	virtual_host_settle(&d->host);
	assert_int_equal(d->lost, 1);
	assert_int_equal(req.error, -ENOTCONN);
	assert_int_equal(d->reconnected, 1);
	assert_int_equal(watch.fired, 2);
	expect_working(d);
	domain_free(d);
}

/* Each word of the page that the server writes, with values it must not have. */
static void wild_indices_lose_the_connection_and_nothing_else(void **state)
{
	static const uint32_t wild[] = { 1025, 5000, 0x7fffffff, 0x80000000u, 0xfffff000u };

	for (int word = 0; word < 4; word++) {
		for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
			struct domain *d = domain_open_new(WIRE_FEATURES_ALL);
			_Atomic uint32_t *victim[] = { d->server.req.cons, d->server.rsp.prod,
						       d->server.req.prod, d->server.rsp.cons };
			struct test_request req = test_request();

			expect_working(d);
			d->dead = true;
			atomic_fetch_add(victim[word], wild[i]);
			read_path(d, &req, "/a");
			kick_guest(d);
			virtual_host_settle(&d->host);
			assert_int_equal(d->lost, 1);
			assert_int_equal(req.error, -ENOTCONN);
			d->dead = false;
			d->kicked = true;
			virtual_host_settle(&d->host);
			assert_int_equal(d->reconnected, 1);
			expect_working(d);
			domain_free(d);
		}
	}
}

/* Changed by another than this side, if only a little, our own indices show that the ring is not ours any more. */
static void an_index_of_ours_that_moved_loses_the_connection(void **state)
{
	for (int word = 0; word < 2; word++) {
		struct domain *d = domain_open_new(WIRE_FEATURES_ALL);

		expect_working(d);
		atomic_fetch_sub(word ? d->server.req.prod : d->server.rsp.cons, 1);
		kick_guest(d);
		virtual_host_settle(&d->host);
		assert_int_equal(d->lost, 1);
		assert_int_equal(d->lost_error, -ECONNRESET);
		assert_int_equal(d->reconnected, 1);
		expect_working(d);
		domain_free(d);
	}
}

static void the_error_word_ends_the_connection_where_it_means_something(void **state)
{
	for (uint32_t features = 0; features <= STORE_PAGE_FEATURE_ERROR; features += 2) {
		struct domain *d = domain_open_new(features);
		struct test_request req = test_request();

		expect_working(d);
		atomic_store(d->server.error, STORE_PAGE_ERROR_PROTO);
		read_path(d, &req, "/a");
		virtual_host_settle(&d->host);
		assert_int_equal(d->lost, features ? 1 : 0);
		assert_int_equal(req.error, features ? -ENOTCONN : 0);
		assert_int_equal(d->lost_error, features ? -EIO : 0);
		domain_free(d);
	}
}

/* No way to reset, framing lost: it stays down until INTRODUCE, and says so. */
static void without_reconnection_a_broken_ring_waits_for_introduce(void **state)
{
	struct domain *d = domain_open_new(0);
	struct test_request req = test_request();

	expect_working(d);
	d->out_head = d->out_tail = 0;
	server_say(d, XS_WRITE, 12345, "", 0);
	d->out_head = (size_t)byte_ring_put(&d->server.rsp, d->out, d->out_tail);
	kick_guest(d);
	for (int i = 0; i < 50; i++)
		xenbus_host_dispatch(&d->host.base, -1);
	assert_int_equal(d->lost, 1);
	assert_int_equal(d->lost_error, -EPROTO);
	assert_int_equal(read_path(d, &req, "/a"), -ENOTCONN);
	store_page_reset(&d->server);
	for (int i = 0; i < 50 && !d->reconnected; i++)
		xenbus_host_dispatch(&d->host.base, -1);
	assert_int_equal(d->reconnected, 1);
	expect_working(d);
	domain_free(d);
}

static void opening_holds_nothing_after_any_failure(void **state)
{
	struct domain *d = domain_new();
	long before = failing_alloc.live;

	leave_traces(d);
	for (long nth = 1;; nth++) {
		int err;

		alloc_fail(nth, false);
		err = domain_open(d);
		if (!alloc_failed()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(failing_alloc.live, before);
		assert_false(d->taken);
	}
	domain_free(d);

	d = domain_new();
	d->host.fail_source_add = 1;
	assert_int_equal(domain_open(d), -ENOMEM);
	d->taken = true;
	assert_int_equal(domain_open(d), -EBUSY);
	d->taken = false;
	domain_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_larger_than_the_ring_pass),
		cmocka_unit_test(a_turn_that_ended_at_its_bound_is_continued),
		cmocka_unit_test(depth_follows_the_servers_features),
		cmocka_unit_test(a_predecessors_answers_are_skipped),
		cmocka_unit_test(a_used_ring_is_reset_where_the_server_can),
		cmocka_unit_test(a_ring_not_reset_in_time_can_be_closed),
		cmocka_unit_test(a_ring_made_anew_is_a_lost_connection),
		cmocka_unit_test(wild_indices_lose_the_connection_and_nothing_else),
		cmocka_unit_test(an_index_of_ours_that_moved_loses_the_connection),
		cmocka_unit_test(the_error_word_ends_the_connection_where_it_means_something),
		cmocka_unit_test(without_reconnection_a_broken_ring_waits_for_introduce),
		cmocka_unit_test(opening_holds_nothing_after_any_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
