/* SPDX-License-Identifier: MIT */
/* Fails the 1st, 2nd, 3rd ... call that can fail while a stream is negotiated and moved: nothing is held
 * after it, the device closes in good order, and the next attachment works. And peers that never stop to notify. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <cmocka.h>

#include <alice/back.h>
#include <alice/front.h>
#include "pair_world.h"

/* The link makes every call of x() one of __wrap_x(). */
static struct {
	unsigned int calls, fail; /* fail: the number of the call that fails; 0 none */
	const char *failed;	  /* its name */
} faults;

static bool fails(const char *name)
{
	if (!faults.fail || ++faults.calls != faults.fail)
		return false;
	faults.failed = name;
	return true;
}

#define WRAP(name, error, parameters, arguments) \
	int __real_##name parameters;            \
	int __wrap_##name parameters;            \
	int __wrap_##name parameters             \
	{                                        \
		if (fails(#name))                \
			return error;            \
		return __real_##name arguments;  \
	}

WRAP(xen_platform_gntshr_share, -ENOSPC,
     (struct xen_platform_gntshr * xgs, uint32_t domid, uint32_t count, bool writable, uint32_t *refs,
      void **addr),
     (xgs, domid, count, writable, refs, addr))
WRAP(xen_platform_gntshr_share_notify, -ENOSPC,
     (struct xen_platform_gntshr * xgs, uint32_t domid, bool writable, uint32_t notify_offset,
      struct xen_platform_evtchn *xce, uint32_t notify_port, uint32_t *ref, void **addr),
     (xgs, domid, writable, notify_offset, xce, notify_port, ref, addr))
WRAP(xen_platform_gnttab_map, -EINVAL,
     (struct xen_platform_gnttab * xgt, uint32_t domid, const uint32_t *refs, uint32_t count, int prot,
      void **addr),
     (xgt, domid, refs, count, prot, addr))
WRAP(xen_platform_gnttab_map_notify, -ENOMEM,
     (struct xen_platform_gnttab * xgt, uint32_t domid, uint32_t ref, int prot, uint32_t notify_offset,
      struct xen_platform_evtchn *xce, uint32_t notify_port, void **addr),
     (xgt, domid, ref, prot, notify_offset, xce, notify_port, addr))
WRAP(xen_platform_evtchn_bind_unbound_port, -ENOSPC, (struct xen_platform_evtchn * xce, uint32_t domid),
     (xce, domid))
WRAP(xen_platform_evtchn_bind_interdomain, -EINVAL,
     (struct xen_platform_evtchn * xce, uint32_t domid, uint32_t remote_port), (xce, domid, remote_port))

/* Peers that notify without end: whatever port was pending once is so again, each time it is asked. */
static struct {
	bool on;
	struct {
		const struct xen_platform_evtchn *xce;
		int port;
	} last[2];
	unsigned int in_a_row, longest; /* without another turn of the loop */
} storm;

#define STORM_MAX 100000u /* in one turn: who takes so many takes them all */

static int blow(const struct xen_platform_evtchn *xce, int port)
{
	int i = storm.last[0].xce && storm.last[0].xce != xce;

	if (port >= 0) {
		storm.last[i].xce = xce;
		storm.last[i].port = port;
		return port;
	}
	if (port != -EAGAIN || storm.last[i].xce != xce)
		return port;
	if (++storm.in_a_row > storm.longest)
		storm.longest = storm.in_a_row;
	if (storm.in_a_row > STORM_MAX)
		fail_msg("%u events without work in one turn: nobody else gets his", storm.in_a_row);
	return storm.last[i].port;
}

int __real_xen_platform_evtchn_pending(struct xen_platform_evtchn *xce);
int __wrap_xen_platform_evtchn_pending(struct xen_platform_evtchn *xce);
int __wrap_xen_platform_evtchn_pending(struct xen_platform_evtchn *xce)
{
	int port = __real_xen_platform_evtchn_pending(xce);

	return storm.on ? blow(xce, port) : port;
}

int __real_epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout);
int __wrap_epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout);
int __wrap_epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
	if (maxevents > 1) /* the loop, not an event channel's own */
		storm.in_a_row = 0;
	return __real_epoll_wait(epfd, events, maxevents, timeout);
}

/* Writes that were asked for while they are held back, until somebody lets them go. */
static struct {
	bool hold;
	bool shorten;	      /* writes are made half as long as asked for */
	unsigned int flushes; /* asked for */
	struct xenbus_file_io *io[8];
	unsigned int count;
} held;

int __real_xenbus_file_submit(struct xenbus_host *host, struct xenbus_file_io *io);
int __wrap_xenbus_file_submit(struct xenbus_host *host, struct xenbus_file_io *io);
int __wrap_xenbus_file_submit(struct xenbus_host *host, struct xenbus_file_io *io)
{
	if (fails("xenbus_file_submit"))
		return -EAGAIN;
	held.flushes += io->op == XENBUS_FILE_FLUSH;
	if (held.shorten && io->op == XENBUS_FILE_WRITE && io->len > 1)
		io->len /= 2;
	if (!held.hold || io->op != XENBUS_FILE_WRITE)
		return __real_xenbus_file_submit(host, io);
	assert_in_range(held.count, 0, 7);
	held.io[held.count++] = io;
	return 0;
}

static void let_go(struct pair_world *w)
{
	held.hold = false;
	while (held.count)
		assert_int_equal(__real_xenbus_file_submit(w->host, held.io[--held.count]), 0);
}

#define BYTES 1500000u

struct run {
	struct alice_front *front;
	struct alice_back *back;
	struct alice_front_result sent;
	struct alice_back_result received;
	bool is_sent, is_received;
	int from, to;
};

static void sent(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result)
{
	struct run *run = ctx;

	run->sent = *result;
	run->is_sent = true;
}

static void received(void *ctx, struct xenbus_device *dev, const struct alice_back_result *result)
{
	struct run *run = ctx;

	run->received = *result;
	run->is_received = true;
}

static int temporary_file(void)
{
	char path[] = "/tmp/alice-file-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

/* BYTES zeros from one file to another, between the two domains; nothing is attached yet. */
static struct run *run_begin(struct pair_world *w, bool flush)
{
	struct run *run = calloc(1, sizeof(*run));
	struct alice_front_config from = { .host = w->host, .done = sent, .ctx = run };
	struct alice_back_config to = { .host = w->host, .done = received, .flush = flush, .ctx = run };

	assert_non_null(run);
	run->from = from.fd = temporary_file();
	run->to = to.fd = temporary_file();
	assert_int_equal(ftruncate(from.fd, BYTES), 0);
	pair_open_bus(w, 0);
	pair_open_bus(w, 1);
	assert_int_equal(alice_back_start(w->bus[0], &to, &run->back), 0);
	assert_int_equal(alice_front_start(w->bus[1], &from, &run->front), 0);
	return run;
}

static void run_free(struct run *run)
{
	close(run->from);
	close(run->to);
	free(run);
}

static void run_end(struct pair_world *w, struct run *run)
{
	pair_close_bus(w, 1);
	pair_close_bus(w, 0);
	alice_front_free(run->front);
	alice_back_free(run->back);
	run_free(run);
}

static bool over(struct pair_world *w, void *arg)
{
	struct run *run = arg;

	unsigned int back;

	if (run->is_sent)
		return true;
	back = pair_state(w, 0);
	return pair_state(w, 1) == XenbusStateClosed &&
	       (back == XenbusStateClosed || back == XenbusStateInitWait);
}

/* One attachment, with the fault that is armed. It may heal: a connect() that failed is tried again. Returns the call
 * that failed; NULL: none. */
static const char *attach_once(struct pair_world *w, struct run *run)
{
	const char *failed;

	run->is_sent = run->is_received = false;
	pair_attach(w);
	pair_run_until(w, over, run);
	failed = faults.failed;
	if (!failed) {
		assert_true(run->is_sent);
		assert_int_equal(run->sent.error, 0);
	}
	if (run->is_sent && !run->sent.error)
		assert_int_equal(run->received.bytes, BYTES);
	assert_int_equal(pair_detach(w, false), 0);
	pair_holds_nothing(w);
	return failed;
}

static void whatever_fails_nothing_is_held_and_the_next_time_works(void **state)
{
	struct pair_world *w = *state;
	struct run *run = run_begin(w, true);
	unsigned int nth = 0;
	const char *failed;

	do {
		faults.calls = 0;
		faults.failed = NULL;
		faults.fail = ++nth;
		failed = attach_once(w, run);
		faults.fail = 0;
		faults.failed = NULL;
		assert_null(attach_once(w, run));
	} while (failed);
	assert_in_range(nth, 16, 200); /* 8 to connect, and the file's transfers */
	run_end(w, run);
}

/* Each event brings as many without work as anybody takes: the stream arrives, and the toolstack is served. */
static void a_storm_of_events_holds_nobody(void **state)
{
	struct pair_world *w = *state;
	struct run *run = run_begin(w, false);

	storm.on = true;
	assert_null(attach_once(w, run));
	storm.on = false;
	print_message("at most %u events without work in a turn\n", storm.longest);
	assert_in_range(storm.longest, 1, STORM_MAX);
	assert_null(attach_once(w, run));
	run_end(w, run);
}

static bool writes_held(struct pair_world *w, void *arg)
{
	return held.count;
}

static bool waits_to_connect(struct pair_world *w, void *arg)
{
	return strstr(w->log, "Connect the backend") && pair_state(w, 1) == XenbusStateInitialised;
}

/* Else an old write would land in the new stream. */
static void a_new_stream_waits_for_the_last_ones_writes(void **state)
{
	struct pair_world *w = *state;
	struct run *run = run_begin(w, false);

	held.hold = true;
	pair_attach(w);
	pair_run_until(w, writes_held, NULL);
	assert_int_equal(pair_detach(w, false), 0);
	assert_int_equal(run->sent.error, -ECONNRESET);
	pair_holds_nothing(w);
	held.hold = false; /* for the new stream's; those of the old one are still out */
	run->is_sent = false;
	w->log_len = 0;
	w->log[0] = '\0';
	pair_attach(w);
	pair_run_until(w, waits_to_connect, NULL);
	for (int i = 0; i < 20; i++)
		xenbus_host_dispatch(w->host, 1);
	assert_int_equal(pair_state(w, 0), XenbusStateInitWait);
	let_go(w);
	pair_run_until(w, over, run);
	assert_int_equal(run->sent.error, 0);
	assert_int_equal(run->received.bytes, BYTES);
	run_end(w, run);
}

/* The drivers go while a write is out; who frees them waits for it. */
static void freeing_waits_for_the_last_write(void **state)
{
	struct pair_world *w = *state;
	struct run *run = run_begin(w, false);

	held.hold = true;
	pair_attach(w);
	pair_run_until(w, writes_held, NULL);
	pair_close_bus(w, 0);
	let_go(w);
	alice_back_free(run->back);
	pair_close_bus(w, 1);
	alice_front_free(run->front);
	run_free(run);
}

static uint8_t *contents(int fd)
{
	uint8_t *data = malloc(BYTES + 1);

	assert_int_equal(pread(fd, data, BYTES + 1, 0), BYTES);
	return data;
}

static void short_writes_are_continued_and_flushed_once(void **state)
{
	struct pair_world *w = *state;
	struct run *run = run_begin(w, true);
	uint8_t *left, *arrived;

	for (uint32_t at = 0; at < BYTES; at += sizeof(at))
		assert_int_equal(pwrite(run->from, &at, sizeof(at), at), sizeof(at));
	held.shorten = true;
	held.flushes = 0;
	assert_null(attach_once(w, run));
	held.shorten = false;
	assert_int_equal(held.flushes, 1);
	left = contents(run->from);
	arrived = contents(run->to);
	assert_memory_equal(left, arrived, BYTES);
	run_end(w, run);
	free(left);
	free(arrived);
}

int main(void)
{
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
	const struct CMUnitTest tests[] = {
		PAIR_TEST(whatever_fails_nothing_is_held_and_the_next_time_works),
		PAIR_TEST(a_storm_of_events_holds_nobody),
		PAIR_TEST(a_new_stream_waits_for_the_last_ones_writes),
		PAIR_TEST(short_writes_are_continued_and_flushed_once),
		PAIR_TEST(freeing_waits_for_the_last_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
