/* SPDX-License-Identifier: MIT */
/* The manners of /dev/xen/xenbus, over a socket that keeps writes apart as the device does. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xenbus/wire.h>

#include "client_world.h"
#include "failing_alloc.h"
#include "session.h"

struct device {
	struct virtual_host host;
	struct xenstore *xs;
	int kernel; /* the other end */
	int messages;
	bool event_first;
	char watch_args[64];
	size_t watch_len;
};

/* The -errno that the kernel's write answers a WATCH with; 0: it takes it. */
static int refusal;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	struct xsd_sockmsg header;

	if (!refusal || len < WIRE_HEADER_SIZE)
		return __real_write(fd, data, len);
	wire_header_get(data, &header);
	if (header.type != XS_WATCH)
		return __real_write(fd, data, len);
	errno = -refusal;
	return -1;
}

/* One write in, one message out: more in a write than its first message would be lost on the device, and a write
 * before the reply to a request would change that. */
static bool kernel_step(void *ctx)
{
	struct device *d = ctx;
	uint8_t in[2 * WIRE_MESSAGE_MAX], out[WIRE_MESSAGE_MAX];
	ssize_t got = recv(d->kernel, in, sizeof(in), MSG_DONTWAIT);
	struct xsd_sockmsg header;
	int len;

	if (got <= 0)
		return false;
	wire_header_get(in, &header);
	assert_int_equal(got, WIRE_HEADER_SIZE + header.len);
	if (header.type != XS_WATCH && header.type != XS_UNWATCH)
		assert_int_equal(recv(d->kernel, out, 1, MSG_DONTWAIT | MSG_PEEK), -1);
	d->messages++;
	if (header.type == XS_WATCH) {
		memcpy(d->watch_args, in + WIRE_HEADER_SIZE, sizeof(d->watch_args));
		d->watch_len = header.len;
		len = snprintf((char *)out + WIRE_HEADER_SIZE, 64, "/w%c%s", 0, d->watch_args + 3) + 1;
		wire_header_put(out, XS_WATCH_EVENT, 0, 0, (uint32_t)len);
		send(d->kernel, out, WIRE_HEADER_SIZE + (size_t)len, 0);
	}
	wire_header_put(out, header.type, header.req_id, 0, 3);
	memcpy(out + WIRE_HEADER_SIZE, "OK", 3);
	send(d->kernel, out, WIRE_HEADER_SIZE + 3, 0);
	return true;
}

static void device_init(struct device *d)
{
	struct transport *transport;
	int fd[2];

	memset(d, 0, sizeof(*d));
	virtual_host_init(&d->host);
	d->host.idle = kernel_step;
	d->host.ctx = d;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
	d->kernel = fd[1];
	assert_int_equal(transport_device_new_fd(&d->host.base, fd[0], &transport), 0);
	assert_int_equal(session_open(&d->host.base, transport, NULL, &d->xs), 0);
}

static void device_deinit(struct device *d)
{
	xenstore_close(d->xs);
	close(d->kernel);
	virtual_host_deinit(&d->host);
}

static void each_message_goes_out_in_a_write_of_its_own(void **state)
{
	struct device d;
	struct test_request req[10];
	const struct iovec iov = { (void *)(uintptr_t) "/a", 3 };

	device_init(&d);
	for (int i = 0; i < 10; i++) {
		req[i] = test_request();
		assert_int_equal(xenstore_submit(d.xs, &req[i].req, XS_READ, 0, &iov, 1), 0);
	}
	virtual_host_settle(&d.host);
	assert_int_equal(d.messages, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(req[i].done, 1);
	device_deinit(&d);
}

/* Replies and events, in pieces of every size: the next request goes out when the one before has its reply. */
static void requests_wait_for_the_reply_before_them(void **state)
{
	const struct iovec iov = { (void *)(uintptr_t) "/a", 3 };
	uint8_t out[3 * WIRE_HEADER_SIZE + 16], in[WIRE_MESSAGE_MAX];
	struct xsd_sockmsg header;

	for (size_t piece = 1; piece < sizeof(out); piece++) {
		struct test_request req[2] = { test_request(), test_request() };
		struct device d;

		device_init(&d);
		d.host.idle = NULL;
		assert_int_equal(xenstore_submit(d.xs, &req[0].req, XS_READ, 0, &iov, 1), 0);
		assert_int_equal(xenstore_submit(d.xs, &req[1].req, XS_READ, 0, &iov, 1), 0);
		virtual_host_settle(&d.host);
		assert_true(recv(d.kernel, in, sizeof(in), MSG_DONTWAIT) > 0);
		wire_header_get(in, &header);
		/* An event, which is nobody's, with the number of the request; then the reply. */
		wire_header_put(out, XS_WATCH_EVENT, header.req_id, 0, 6);
		memcpy(out + WIRE_HEADER_SIZE, "/x\0ff", 6);
		wire_header_put(out + WIRE_HEADER_SIZE + 6, XS_READ, header.req_id, 0, 2);
		memcpy(out + 2 * WIRE_HEADER_SIZE + 6, "ok", 2);
		for (size_t at = 0, all = 2 * WIRE_HEADER_SIZE + 8; at < all; at += piece) {
			if (at < all - 2) /* the reply's header has not come */
				assert_int_equal(recv(d.kernel, in, sizeof(in), MSG_DONTWAIT), -1);
			send(d.kernel, out + at, at + piece < all ? piece : all - at, 0);
			virtual_host_settle(&d.host);
		}
		assert_int_equal(req[0].done, 1);
		assert_int_equal(req[1].done, 0);
		assert_true(recv(d.kernel, in, sizeof(in), MSG_DONTWAIT) > 0);
		device_deinit(&d);
	}
}

static void what_the_device_refuses_is_refused_here(void **state)
{
	static char data[4081];
	struct device d;
	struct test_request req = test_request();
	const struct iovec fits = { data, 4080 }, over = { data, 4081 };

	device_init(&d);
	assert_int_equal(xenstore_submit(d.xs, &req.req, XS_WRITE, 0, &over, 1), -E2BIG);
	assert_int_equal(xenstore_submit(d.xs, &req.req, XS_RESET_WATCHES, 0, &fits, 1), -EOPNOTSUPP);
	assert_int_equal(xenstore_submit(d.xs, &req.req, XS_WRITE, 0, &fits, 1), 0);
	virtual_host_settle(&d.host);
	assert_int_equal(req.done, 1);
	device_deinit(&d);
}

static void an_event_before_its_watchs_reply_fires_and_no_depth_is_sent(void **state)
{
	struct device d;
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");

	device_init(&d);
	watch.watch.depth_plus_1 = 1;
	assert_int_equal(xenstore_watch_add(d.xs, &watch.watch, &req.req), 0);
	virtual_host_settle(&d.host);
	assert_int_equal(watch.fired, 1);
	assert_int_equal(req.done, 1);
	assert_int_equal(wire_count_strings(d.watch_args, d.watch_len), 2);
	device_deinit(&d);
}

/* As the kernel does: no reply, but the write fails. */
static void a_refused_watch_is_answered_and_the_connection_stays(void **state)
{
	enum { N = 300 }; /* more than one read takes */
	static struct test_request req[N];
	static struct test_watch watch[N];
	const struct iovec iov = { (void *)(uintptr_t) "/a", 3 };
	struct test_request read = test_request();
	struct device d;

	device_init(&d);
	refusal = -ENOSPC;
	for (int i = 0; i < N; i++) {
		req[i] = test_request();
		watch[i] = test_watch("/w");
		assert_int_equal(xenstore_watch_add(d.xs, &watch[i].watch, &req[i].req), 0);
		if (i == N / 2)
			assert_int_equal(xenstore_submit(d.xs, &read.req, XS_READ, 0, &iov, 1), 0);
	}
	virtual_host_settle(&d.host);
	for (int i = 0; i < N; i++) {
		assert_int_equal(req[i].done, 1);
		assert_int_equal(req[i].error, -ENOSPC);
		assert_int_equal(watch[i].fired, 0);
	}
	assert_int_equal(read.done, 1);
	assert_int_equal(read.error, 0);
	assert_true(xenstore_connected(d.xs));
	refusal = 0;
	req[0] = test_request();
	assert_int_equal(xenstore_watch_add(d.xs, &watch[0].watch, &req[0].req), 0);
	virtual_host_settle(&d.host);
	assert_int_equal(req[0].error, 0);
	assert_int_equal(watch[0].fired, 1);
	device_deinit(&d);
}

/* An errno that is no word of the store's: the device is broken. */
static void a_broken_device_is_a_lost_connection(void **state)
{
	struct test_request req = test_request();
	struct test_watch watch = test_watch("/w");
	struct device d;

	device_init(&d);
	refusal = -ENXIO;
	assert_int_equal(xenstore_watch_add(d.xs, &watch.watch, &req.req), 0);
	virtual_host_settle(&d.host);
	assert_int_equal(req.error, -ENOTCONN);
	refusal = 0;
	device_deinit(&d);
}

static void a_device_that_is_missing_is_enoent_and_holds_nothing(void **state)
{
	struct virtual_host host;
	struct xenstore *xs = NULL;
	long before = failing_alloc.live;

	virtual_host_init(&host);
	assert_int_equal(xenstore_open_device(&host.base, "/nonexistent/xenbus", NULL, &xs), -ENOENT);
	assert_null(xs);
	for (long nth = 1; nth < 4; nth++) {
		alloc_fail(nth, false);
		assert_int_equal(xenstore_open_device(&host.base, "/nonexistent/xenbus", NULL, &xs), -ENOMEM);
		assert_true(alloc_failed());
	}
	assert_int_equal(failing_alloc.live, before);
	virtual_host_deinit(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_goes_out_in_a_write_of_its_own),
		cmocka_unit_test(requests_wait_for_the_reply_before_them),
		cmocka_unit_test(what_the_device_refuses_is_refused_here),
		cmocka_unit_test(an_event_before_its_watchs_reply_fires_and_no_depth_is_sent),
		cmocka_unit_test(a_refused_watch_is_answered_and_the_connection_stays),
		cmocka_unit_test(a_broken_device_is_a_lost_connection),
		cmocka_unit_test(a_device_that_is_missing_is_enoent_and_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
