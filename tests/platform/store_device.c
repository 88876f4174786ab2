/* SPDX-License-Identifier: MIT */
/* The client in a guest, over the kernel's real /dev/xen/xenbus: what tests/client_device.c only plays. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xen/io/xs_wire.h>
#include <xenbus/client.h>
#include <xenbus/host.h>

#define DEVICE "/dev/xen/xenbus"
#define HOME "data/device-test"
#define SESSIONS 3

struct world {
	struct xenbus_host *host;
	struct xenstore *xs[SESSIONS];
};

static int call(struct xenstore *xs, uint32_t op, uint32_t tx, const char *path, const char *value,
		char **reply)
{
	const struct iovec iov[] = { { (void *)(uintptr_t)path, strlen(path) + 1 },
				     { (void *)(uintptr_t)value, value ? strlen(value) : 0 } };

	return xenstore_call(xs, op, tx, iov, value ? 2 : 1, reply, NULL);
}

static void assert_value(struct xenstore *xs, const char *path, const char *value)
{
	char *reply;

	assert_int_equal(call(xs, XS_READ, XBT_NULL, path, NULL, &reply), 0);
	assert_string_equal(reply, value);
	free(reply);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	*state = w;
	assert_int_equal(xenbus_host_new(&w->host), 0);
	for (int i = 0; i < SESSIONS; i++)
		assert_int_equal(xenstore_open_device(w->host, DEVICE, NULL, &w->xs[i]), 0);
	call(w->xs[0], XS_RM, XBT_NULL, HOME, NULL, NULL);
	return call(w->xs[0], XS_MKDIR, XBT_NULL, HOME, NULL, NULL);
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < SESSIONS; i++)
		assert_true(xenstore_connected(w->xs[i]));
	assert_int_equal(call(w->xs[0], XS_RM, XBT_NULL, HOME, NULL, NULL), 0);
	for (int i = 0; i < SESSIONS; i++)
		xenstore_close(w->xs[i]);
	xenbus_host_free(w->host);
	free(w);
	return 0;
}

/* -- requests -- */

struct asked {
	struct xenstore_request req;
	int number, *left;
	bool writes;
};

static void answered(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct asked *a = (struct asked *)req;
	char value[32];

	assert_int_equal(error, 0);
	snprintf(value, sizeof(value), "%d", a->number * 7919);
	if (!a->writes)
		assert_string_equal(reply, value);
	--*a->left;
}

/* All at once, of all lengths, over three files: no request changes what another one says. */
static void what_is_asked_at_once_is_answered_each(void **state)
{
	enum { N = 150 };
	static struct asked asked[2 * N];
	struct world *w = *state;
	int left = 2 * N;

	memset(asked, 0, sizeof(asked));
	for (int i = 0; i < 2 * N; i++) {
		struct asked *a = &asked[i];
		char path[64], value[32];
		struct iovec iov[] = { { path, 0 }, { value, 0 } };

		*a = (struct asked){
			.req.done = answered, .number = i / 2, .left = &left, .writes = i % 2 == 0
		};
		iov[0].iov_len =
			(size_t)snprintf(path, sizeof(path), HOME "/%0*d", 1 + a->number % 20, a->number) + 1;
		iov[1].iov_len = (size_t)snprintf(value, sizeof(value), "%d", a->number * 7919);
		assert_int_equal(xenstore_submit(w->xs[a->number % SESSIONS], &a->req,
						 a->writes ? XS_WRITE : XS_READ, XBT_NULL, iov,
						 a->writes ? 2 : 1),
				 0);
	}
	while (left > 0)
		assert_true(xenbus_host_dispatch(w->host, -1) >= 0);
}

static void a_long_value_goes_whole_and_one_too_long_is_refused(void **state)
{
	static char value[4096];
	struct world *w = *state;
	struct xenstore_request req = { .done = answered };
	const struct iovec over = { value, 4081 }, fits = { value, 1 };
	int err;

	memset(value, 'v', 1800);
	assert_int_equal(call(w->xs[0], XS_WRITE, XBT_NULL, HOME "/long", value, NULL), 0);
	assert_value(w->xs[1], HOME "/long", value);
	/* A guest's node may not be so long: that is the store's answer, not the device's. */
	memset(value, 'v', 4000);
	err = call(w->xs[0], XS_WRITE, XBT_NULL, HOME "/long", value, NULL);
	assert_true(err == -ENOSPC || err == -E2BIG);
	assert_int_equal(xenstore_submit(w->xs[0], &req, XS_WRITE, XBT_NULL, &over, 1), -E2BIG);
	assert_int_equal(xenstore_submit(w->xs[0], &req, XS_RESET_WATCHES, XBT_NULL, &fits, 1), -EOPNOTSUPP);
	assert_int_equal(call(w->xs[0], XS_READ, XBT_NULL, HOME "/none", NULL, NULL), -ENOENT);
}

/* The kernel's stream may be read in pieces of any size. */
static void a_reply_is_read_byte_by_byte(void **state)
{
	static const char path[] = HOME "/bytes";
	struct {
		struct xsd_sockmsg header;
		char payload[64];
	} m = { .header = { .type = XS_READ, .req_id = 77, .len = sizeof(path) } };
	struct world *w = *state;
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(call(w->xs[0], XS_WRITE, XBT_NULL, path, "piecemeal", NULL), 0);
	memcpy(m.payload, path, sizeof(path));
	assert_int_equal(write(fd, &m, sizeof(m.header) + sizeof(path)), sizeof(m.header) + sizeof(path));
	memset(&m, 0, sizeof(m));
	for (size_t i = 0; i < sizeof(m.header) + 9; i++)
		assert_int_equal(read(fd, (char *)&m + i, 1), 1);
	assert_int_equal(m.header.type, XS_READ);
	assert_int_equal(m.header.req_id, 77);
	assert_int_equal(m.header.len, 9);
	assert_string_equal(m.payload, "piecemeal");
	close(fd);
}

/* -- watches -- */

struct seen {
	struct xenstore_watch watch;
	struct xenstore_request req;
	int fired, error;
	bool done;
};

static void seen_fired(struct xenstore_watch *watch, const char *path)
{
	((struct seen *)watch)->fired++;
}

static void seen_done(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct seen *s = (struct seen *)((char *)req - offsetof(struct seen, req));

	s->error = error;
	s->done = true;
}

static int watch(struct world *w, struct xenstore *xs, struct seen *s)
{
	*s = (struct seen){ .watch = { .path = HOME "/watched", .fired = seen_fired },
			    .req.done = seen_done };
	assert_int_equal(xenstore_watch_add(xs, &s->watch, &s->req), 0);
	while (!s->done || (!s->error && !s->fired))
		assert_true(xenbus_host_dispatch(w->host, -1) >= 0);
	return s->error;
}

static void every_reader_has_its_own_events(void **state)
{
	struct world *w = *state;
	struct seen seen[SESSIONS];

	for (int i = 0; i < SESSIONS; i++)
		assert_int_equal(watch(w, w->xs[i], &seen[i]), 0);
	assert_int_equal(xenstore_watch_remove(w->xs[0], &seen[0].watch, NULL), 0);
	assert_int_equal(call(w->xs[0], XS_WRITE, XBT_NULL, HOME "/watched", "x", NULL), 0);
	while (seen[1].fired < 2 || seen[2].fired < 2)
		assert_true(xenbus_host_dispatch(w->host, -1) >= 0);
	assert_int_equal(seen[0].fired, 1);
	for (int i = 1; i < SESSIONS; i++)
		assert_int_equal(xenstore_watch_remove(w->xs[i], &seen[i].watch, NULL), 0);
}

/* The kernel fails the write where the store has refused a watch. */
static void a_watch_over_the_quota_is_refused_and_room_can_be_had_again(void **state)
{
	enum { MANY = 600 };
	static struct seen seen[MANY];
	struct world *w = *state;
	int n = 0, err;

	while (n < MANY && !(err = watch(w, w->xs[n % SESSIONS], &seen[n])))
		n++;
	assert_true(n < MANY);
	assert_true(err == -ENOSPC || err == -E2BIG);
	assert_value(w->xs[n % SESSIONS], "domid", getenv("DOMID") ? getenv("DOMID") : "?");
	for (int i = 0; i < n; i++)
		assert_int_equal(xenstore_watch_remove(w->xs[i % SESSIONS], &seen[i].watch, NULL), 0);
	assert_int_equal(watch(w, w->xs[0], &seen[0]), 0);
	assert_int_equal(xenstore_watch_remove(w->xs[0], &seen[0].watch, NULL), 0);
}

/* -- transactions -- */

static uint32_t start(struct xenstore *xs)
{
	uint32_t tx;
	char *reply;

	assert_int_equal(call(xs, XS_TRANSACTION_START, XBT_NULL, "", NULL, &reply), 0);
	tx = (uint32_t)strtoul(reply, NULL, 10);
	free(reply);
	return tx;
}

static void transactions_belong_to_who_began_them(void **state)
{
	struct world *w = *state;
	uint32_t first = start(w->xs[0]), second = start(w->xs[1]);

	assert_int_equal(call(w->xs[0], XS_WRITE, first, HOME "/tx", "first", NULL), 0);
	assert_int_equal(call(w->xs[1], XS_READ, second, HOME "/tx", NULL, NULL), -ENOENT);
	assert_int_equal(call(w->xs[2], XS_WRITE, first, HOME "/tx", "stolen", NULL), -ENOENT);
	assert_int_equal(call(w->xs[1], XS_WRITE, second, HOME "/other", "second", NULL), 0);
	assert_int_equal(call(w->xs[0], XS_TRANSACTION_END, first, "T", NULL, NULL), 0);
	assert_int_equal(call(w->xs[1], XS_TRANSACTION_END, second, "T", NULL, NULL), -EAGAIN);
	assert_value(w->xs[2], HOME "/tx", "first");
}

/* The kernel aborts what a file left open: a number is not used up. */
static void what_a_closed_file_left_open_is_aborted(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 30; i++) {
		struct xenstore *xs;

		assert_int_equal(xenstore_open_device(w->host, DEVICE, NULL, &xs), 0);
		assert_int_equal(call(xs, XS_WRITE, start(xs), HOME "/left", "x", NULL), 0);
		xenstore_close(xs);
	}
	assert_int_equal(call(w->xs[0], XS_READ, XBT_NULL, HOME "/left", NULL, NULL), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_asked_at_once_is_answered_each),
		TEST(a_long_value_goes_whole_and_one_too_long_is_refused),
		TEST(a_reply_is_read_byte_by_byte),
		TEST(every_reader_has_its_own_events),
		TEST(a_watch_over_the_quota_is_refused_and_room_can_be_had_again),
		TEST(transactions_belong_to_who_began_them),
		TEST(what_a_closed_file_left_open_is_aborted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
