/* SPDX-License-Identifier: MIT */
/* Alice's pair, end to end: two domains, a store, grants and event channels. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <alice/back.h>
#include <alice/front.h>
#include "pair_world.h"

/* What one stream is to be, and what became of it at both ends. */
struct stream {
	uint64_t total;	  /* bytes that the front has */
	uint64_t stop_at; /* fill() calls stop() when it comes to this byte; 0: never */
	void (*stop)(struct stream *stream);
	struct pair_world *world;
	struct alice_front *front;
	struct alice_back *back;
	struct alice_front_result sent;
	struct alice_back_result received;
	unsigned int sent_count, received_count; /* results */
	uint64_t consumed;			 /* bytes, of the connection's stream */
	uint64_t wrong;				 /* bytes that were not what they should be */
	uint64_t filled;
};

/* On the heap: where a test fails, callbacks still use it. */
static struct stream *new_stream(struct stream init)
{
	struct stream *s = malloc(sizeof(*s));

	assert_non_null(s);
	*s = init;
	return s;
}

static uint8_t content(uint64_t at)
{
	return (uint8_t)((at * 2654435761u) >> 11);
}

static int64_t fill(void *ctx, uint64_t offset, void *buf, size_t len)
{
	struct stream *s = ctx;
	uint64_t left = s->total - offset;

	if (s->stop && offset >= s->stop_at) {
		void (*stop)(struct stream *) = s->stop;

		s->stop = NULL;
		stop(s);
	}
	len = len < left ? len : (size_t)left;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = content(offset + i);
	s->filled = offset + len;
	return (int64_t)len;
}

static int consume(void *ctx, uint64_t offset, const void *data, size_t len)
{
	struct stream *s = ctx;

	if (offset != 0 && offset != s->consumed)
		s->wrong++;
	for (size_t i = 0; i < len; i++)
		s->wrong += ((const uint8_t *)data)[i] != content(offset + i);
	s->consumed = offset + len;
	return 0;
}

static void sent(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result)
{
	struct stream *s = ctx;

	s->sent = *result;
	s->sent_count++;
}

static void received(void *ctx, struct xenbus_device *dev, const struct alice_back_result *result)
{
	struct stream *s = ctx;

	s->received = *result;
	s->received_count++;
}

static void start_back(struct pair_world *w, struct stream *s, const struct alice_back_config *more)
{
	struct alice_back_config config = { .fd = -1, .consume = consume };

	if (more)
		config = *more;
	config.host = w->host;
	config.done = received;
	config.ctx = s;
	pair_open_bus(w, 0);
	assert_int_equal(alice_back_start(w->bus[0], &config, &s->back), 0);
}

static void start_front(struct pair_world *w, struct stream *s, unsigned int pages)
{
	const struct alice_front_config config = {
		.host = w->host,
		.fd = -1,
		.fill = fill,
		.pages = pages,
		.done = sent,
		.ctx = s,
	};

	pair_open_bus(w, 1);
	assert_int_equal(alice_front_start(w->bus[1], &config, &s->front), 0);
}

static void start(struct pair_world *w, struct stream *s)
{
	s->world = w;
	start_back(w, s, NULL);
	start_front(w, s, 0);
	pair_attach(w);
}

static void stop_both(struct pair_world *w, struct stream *s)
{
	for (unsigned int i = 2; i-- > 0;)
		if (w->bus[i])
			pair_close_bus(w, i);
	alice_front_free(s->front);
	alice_back_free(s->back);
	free(s);
}

static bool both_done(struct pair_world *w, void *arg)
{
	struct stream *s = arg;

	return s->sent_count && s->received_count;
}

static void check_whole(struct stream *s)
{
	assert_int_equal(s->sent.error, 0);
	assert_int_equal(s->received.error, 0);
	assert_int_equal(s->wrong, 0);
	assert_int_equal(s->sent.bytes_sent, s->total);
	assert_int_equal(s->sent.bytes_stored, s->total);
	assert_int_equal(s->received.bytes, s->total);
	assert_true(s->sent.has_digest);
	assert_true(s->received.has_digest);
	assert_memory_equal(s->sent.sent_digest, s->received.digest, 32);
	assert_memory_equal(s->sent.stored_digest, s->received.digest, 32);
}

static void a_stream_of_any_length_arrives(void **state)
{
	static const uint64_t totals[] = { 0, 1, 4095, 4096, 4097, 1 << 20, 16 << 20 };
	struct pair_world *w = *state;

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		struct stream *s = new_stream((struct stream){ .total = totals[i] });

		start(w, s);
		pair_run_until(w, both_done, s);
		check_whole(s);
		pair_await_states(w, XenbusStateConnected, XenbusStateConnected);
		assert_int_equal(pair_detach(w, false), 0);
		pair_holds_nothing(w);
		stop_both(w, s);
	}
}

/* In its order, with what else was logged between. */
static void logged(const struct pair_world *w, const char *const *lines)
{
	const char *at = w->log;

	for (; *lines; lines++) {
		at = strstr(at, *lines);
		if (!at)
			fail_msg("'%s' is missing, or out of order, in:\n%s", *lines, w->log);
		at += strlen(*lines);
	}
}

static void the_log_tells_the_tutorials_story(void **state)
{
	static const char *const front[] = { "DomU: Alice_front inited!",
					     "DomU: Probe called.",
					     "DomU: Connecting the frontend now",
					     "DomU: Other side says it is connected as well.",
					     "DomU: Sending hello: request 233",
					     "DomU: Got hi: response 234",
					     NULL };
	static const char *const back[] = { "Dom0: Alice_back inited!", "Dom0: Probe called.",
					    "Dom0: Connect the backend", "Dom0: Got hello: request 233",
					    NULL };
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = 1 });

	start(w, s);
	pair_run_until(w, both_done, s);
	logged(w, front);
	logged(w, back);
	stop_both(w, s);
}

static void notifications_are_far_fewer_than_requests(void **state)
{
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = 4 << 20 });

	start(w, s);
	pair_run_until(w, both_done, s);
	assert_int_equal(s->sent.requests, 1024 + 2);
	assert_int_equal(s->received.requests, 1024 + 2);
	assert_in_range(s->sent.notifications, 1, 1026 / 8);
	assert_in_range(s->received.notifications, 1, 1026 / 8);
	stop_both(w, s);
}

/* Requests of the two devices' own, as their buses traced them. */
static unsigned int device_requests(struct pair_world *w)
{
	struct xenbus_trace_entry e;
	unsigned int count = 0;

	for (int i = 0; i < 2; i++)
		for (size_t n = 0; !xenbus_trace_get(w->bus[i], n, &e); n++)
			count += e.kind == XENBUS_TRACE_STORE && e.device[0] &&
				 strncmp(e.text, "ERROR", 5) != 0;
	return count;
}

static void both_ends_connect_with_at_most_50_requests(void **state)
{
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = 100 });

	start(w, s);
	pair_run_until(w, both_done, s);
	pair_await_states(w, XenbusStateConnected, XenbusStateConnected);
	assert_in_range(device_requests(w), 30, 50);
	stop_both(w, s);
}

static bool front_done(struct pair_world *w, void *arg)
{
	return ((struct stream *)arg)->sent_count;
}

static void without_feature_stream_hello_is_all(void **state)
{
	static const char *const lines[] = { "DomU: The other end has no feature-stream",
					     "DomU: Got hi: response 234", NULL };
	const struct alice_back_config no_stream = { .fd = -1, .no_stream = true };
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = 100, .world = w });

	start_back(w, s, &no_stream);
	start_front(w, s, 0);
	pair_attach(w);
	pair_run_until(w, front_done, s);
	assert_int_equal(s->sent.error, -EOPNOTSUPP);
	assert_int_equal(s->filled, 0);
	assert_int_equal(s->received_count, 0);
	logged(w, lines);
	assert_int_equal(pair_state(w, 0), XenbusStateConnected);
	stop_both(w, s);
}

static void the_smaller_number_of_pages_is_used(void **state)
{
	static const struct {
		unsigned int front, back, used;
	} cases[] = { { 1, 256, 1 }, { 256, 7, 7 }, { 256, 0, 256 } };
	struct pair_world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct alice_back_config config = { .fd = -1,
							  .consume = consume,
							  .pages = cases[i].back };
		struct stream *s = new_stream((struct stream){ .total = 1000000, .world = w });

		start_back(w, s, &config);
		start_front(w, s, cases[i].front);
		pair_attach(w);
		pair_run_until(w, both_done, s);
		check_whole(s);
		assert_int_equal(s->sent.pages, cases[i].used);
		assert_int_equal(pair_detach(w, false), 0);
		stop_both(w, s);
	}
}

/* -- files ------------------------------------------------------------------------------------- */

static int temporary_file(void)
{
	char path[] = "/tmp/alice-file-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void make_content(int fd, uint64_t total)
{
	uint8_t block[4096];

	for (uint64_t at = 0; at < total; at += sizeof(block)) {
		size_t len = total - at < sizeof(block) ? (size_t)(total - at) : sizeof(block);

		for (size_t i = 0; i < len; i++)
			block[i] = content(at + i);
		assert_int_equal(pwrite(fd, block, len, (off_t)at), len);
	}
}

static void check_content(int fd, uint64_t total)
{
	uint8_t block[4096];

	for (uint64_t at = 0; at < total; at += sizeof(block)) {
		size_t len = total - at < sizeof(block) ? (size_t)(total - at) : sizeof(block);

		assert_int_equal(pread(fd, block, len, (off_t)at), len);
		for (size_t i = 0; i < len; i++)
			if (block[i] != content(at + i))
				fail_msg("byte %llu of the file differs", (unsigned long long)(at + i));
	}
}

static void start_files(struct pair_world *w, struct stream *s, int from, int to)
{
	const struct alice_back_config back = { .fd = to, .flush = true };
	const struct alice_front_config front = { .host = w->host, .fd = from, .done = sent, .ctx = s };

	s->world = w;
	start_back(w, s, &back);
	pair_open_bus(w, 1);
	assert_int_equal(alice_front_start(w->bus[1], &front, &s->front), 0);
	pair_attach(w);
}

static void a_file_becomes_a_file(void **state)
{
	static const uint64_t totals[] = { 0, 1, 128 * 1024, 256 * 1024 + 1, 5000001 };
	struct pair_world *w = *state;

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		struct stream *s = new_stream((struct stream){ .total = totals[i] });
		int from = temporary_file(), to = temporary_file();

		make_content(from, s->total);
		start_files(w, s, from, to);
		pair_run_until(w, both_done, s);
		check_whole(s);
		check_content(to, s->total);
		assert_int_equal(lseek(to, 0, SEEK_END), s->total);
		assert_int_equal(pair_detach(w, false), 0);
		stop_both(w, s);
		close(from);
		close(to);
	}
}

static void a_full_disk_is_told_to_both_ends(void **state)
{
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = 3000000 });
	int from = temporary_file(), to = open("/dev/full", O_WRONLY);

	assert_true(to >= 0);
	make_content(from, s->total);
	start_files(w, s, from, to);
	pair_run_until(w, front_done, s);
	assert_int_equal(s->sent.error, -EIO);
	assert_int_equal(pair_state(w, 0), XenbusStateConnected);
	assert_int_equal(pair_detach(w, false), 0);
	stop_both(w, s);
	close(from);
	close(to);
}

static void a_file_serves_one_device_at_a_time(void **state)
{
	const struct xenbus_toolstack_device second = { "alice_dev", PAIR_FRONT, 0, 1 };
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = 5000 });
	struct xenbus_toolstack_device first;
	int from = temporary_file(), to = temporary_file();

	make_content(from, s->total);
	start_files(w, s, from, to);
	pair_run_until(w, both_done, s);
	s->sent_count = s->received_count = 0;
	first = w->device;
	w->device = second;
	pair_attach(w);
	pair_await_states(w, XenbusStateClosed, XenbusStateClosed);
	assert_non_null(strstr(w->log, "backend/alice_dev/1/1: -16 connecting failed"));
	assert_int_equal(pair_detach(w, false), 0);
	w->device = first;
	assert_int_equal(pair_detach(w, false), 0);
	w->device = second;
	pair_attach(w);
	pair_run_until(w, both_done, s);
	check_whole(s);
	check_content(to, s->total);
	stop_both(w, s);
	close(from);
	close(to);
}

static void a_file_without_positions_is_refused(void **state)
{
	struct pair_world *w = *state;
	struct alice_front_config front = { .host = w->host };
	struct alice_back_config back = { .host = w->host };
	struct stream *s = new_stream((struct stream){ 0 });
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	front.fd = ends[0];
	back.fd = ends[1];
	pair_open_bus(w, 0);
	assert_int_equal(alice_front_start(w->bus[0], &front, &s->front), -EINVAL);
	assert_int_equal(alice_back_start(w->bus[0], &back, &s->back), -EINVAL);
	close(ends[0]);
	close(ends[1]);
	free(s);
}

static int64_t fill_and_fail(void *ctx, uint64_t offset, void *buf, size_t len)
{
	struct stream *s = ctx;

	return offset < 10000 ? fill(ctx, offset, buf, len) : -(int64_t)s->stop_at;
}

static void what_cannot_be_read_is_told(void **state)
{
	static const int errors[][2] = { { EPERM, -EPERM }, { EAGAIN, -EIO }, { ENODATA, -EIO } };
	struct pair_world *w = *state;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct stream *s = new_stream((struct stream){ .total = 1 << 20, .world = w });
		const struct alice_front_config config = {
			.host = w->host, .fd = -1, .fill = fill_and_fail, .done = sent, .ctx = s
		};

		s->stop_at = (uint64_t)errors[i][0];
		start_back(w, s, NULL);
		pair_open_bus(w, 1);
		assert_int_equal(alice_front_start(w->bus[1], &config, &s->front), 0);
		pair_attach(w);
		pair_run_until(w, front_done, s);
		assert_int_equal(s->sent.error, errors[i][1]);
		assert_int_equal(pair_state(w, 0), XenbusStateConnected);
		assert_int_equal(pair_detach(w, false), 0);
		stop_both(w, s);
	}
}

/* -- ends ---------------------------------------------------------------------------------------- */

static void close_front(struct stream *s)
{
	xenbus_close_device(s->world->dev[1]);
}

static void close_back(struct stream *s)
{
	xenbus_close_device(s->world->dev[0]);
}

static void closed_mid_stream_and_opened_again(struct pair_world *w, unsigned int closer,
					       void (*stop)(struct stream *))
{
	/* Without an end, or it might be over before the store has answered. */
	struct stream *s =
		new_stream((struct stream){ .total = UINT64_MAX, .stop_at = 1 << 20, .stop = stop });

	start(w, s);
	pair_await_states(w, XenbusStateClosed, XenbusStateClosed);
	assert_int_equal(s->sent_count, 1);
	assert_int_equal(s->sent.error, -ECONNRESET);
	assert_int_equal(s->received_count, 1);
	assert_int_equal(s->received.error, -ECONNRESET);
	assert_true(s->consumed < s->total);
	assert_null(strstr(w->log, "process is gone"));
	pair_holds_nothing(w);

	s->total = 4 << 20;
	s->sent_count = s->received_count = 0;
	xenbus_reopen_device(w->dev[closer]);
	pair_run_until(w, both_done, s);
	check_whole(s);
	pair_await_states(w, XenbusStateConnected, XenbusStateConnected);
	stop_both(w, s);
}

static void the_front_may_close_mid_stream_and_open_again(void **state)
{
	closed_mid_stream_and_opened_again(*state, 1, close_front);
}

static void the_back_may_close_mid_stream_and_open_again(void **state)
{
	closed_mid_stream_and_opened_again(*state, 0, close_back);
}

/* The program ends in good order while its driver's device is connected. */
static void a_program_that_ends_closes_the_pair(void **state)
{
	struct pair_world *w = *state;

	for (unsigned int leaver = 0; leaver < 2; leaver++) {
		struct stream *s = new_stream((struct stream){ .total = 1000 });

		start(w, s);
		pair_run_until(w, both_done, s);
		pair_close_bus(w, leaver);
		if (leaver) {
			pair_await_states(w, XenbusStateClosed, XenbusStateClosed);
			pair_holds_nothing(w);
			assert_int_equal(pair_detach(w, false), 0);
		}
		stop_both(w, s);
		if (!leaver) {
			pair_open_bus(w, 0);
			pair_await_states(w, XenbusStateClosed, XenbusStateClosed);
			assert_int_equal(pair_detach(w, true), 0);
			pair_close_bus(w, 0);
		}
	}
}

static bool much_moved(struct pair_world *w, void *arg)
{
	struct stream *s = arg;

	return s->consumed > 1 << 20 && s->filled > 1 << 20;
}

static void a_program_may_end_mid_stream(void **state)
{
	struct pair_world *w = *state;

	for (unsigned int leaver = 0; leaver < 2; leaver++) {
		struct stream *s = new_stream((struct stream){ .total = UINT64_MAX });

		start(w, s);
		pair_run_until(w, much_moved, s);
		pair_close_bus(w, leaver);
		if (!leaver)
			pair_open_bus(w, 0); /* the toolstack */
		pair_await_states(w, XenbusStateClosed, XenbusStateClosed);
		assert_int_equal(s->sent.error, -ECONNRESET);
		assert_int_equal(s->received.error, -ECONNRESET);
		assert_int_equal(s->wrong, 0);
		pair_holds_nothing(w);
		assert_int_equal(pair_detach(w, false), 0);
		stop_both(w, s);
	}
}

static void a_program_that_starts_again_connects_again(void **state)
{
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = 300000 });

	start(w, s);
	for (int life = 0; life < 3; life++) {
		pair_run_until(w, both_done, s);
		check_whole(s);
		s->sent_count = s->received_count = 0;
		pair_close_bus(w, 1);
		alice_front_free(s->front);
		pair_await_states(w, XenbusStateClosed, XenbusStateClosed);
		start_front(w, s, 0);
	}
	pair_run_until(w, both_done, s);
	check_whole(s);
	stop_both(w, s);
}

/* -- sudden ends --------------------------------------------------------------------------------- */

static void endless_front(struct pair_world *w, void *arg)
{
	struct stream *s = arg;
	const struct alice_front_config config = { .host = w->host, .fd = -1, .fill = fill, .ctx = s };

	if (!alice_front_start(w->bus[1], &config, &s->front))
		xenbus_run(w->bus[1]);
}

static bool much_consumed(struct pair_world *w, void *arg)
{
	return ((struct stream *)arg)->consumed > 1 << 20;
}

static void again_in_a_new_life(struct pair_world *w)
{
	struct stream *s = new_stream((struct stream){ .total = 100000, .world = w });

	if (!w->bus[0])
		start_back(w, s, NULL);
	start_front(w, s, 0);
	pair_attach(w);
	pair_run_until(w, front_done, s);
	assert_int_equal(s->sent.error, 0);
	assert_int_equal(s->sent.bytes_stored, s->total);
	stop_both(w, s);
}

static void when_the_front_is_killed_the_back_closes(void **state)
{
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = UINT64_MAX, .world = w }),
		      *none = new_stream((struct stream){ 0 });
	pid_t pid;

	start_back(w, s, NULL);
	pid = pair_start(w, 1, endless_front, s);
	pair_attach(w);
	pair_run_until(w, much_consumed, s);
	pair_kill(pid);
	pair_await_states(w, 0, XenbusStateClosed);
	assert_int_equal(s->wrong, 0);
	assert_int_equal(s->received.error, -ECONNRESET);
	assert_non_null(strstr(w->log, "Dom0: The frontend's process is gone, closing"));
	pair_holds_nothing(w);
	assert_int_equal(pair_detach(w, true), 0);

	/* The same driver serves the next one. */
	s->received_count = 0;
	none->total = s->total = 100000;
	none->world = w;
	start_front(w, none, 0);
	pair_attach(w);
	pair_run_until(w, front_done, none);
	assert_int_equal(none->sent.error, 0);
	assert_int_equal(s->wrong, 0);
	s->front = none->front;
	stop_both(w, s);
	free(none);
}

static void endless_back(struct pair_world *w, void *arg)
{
	const struct alice_back_config config = { .host = w->host, .fd = -1 };
	struct stream *s = arg;

	if (!alice_back_start(w->bus[0], &config, &s->back))
		xenbus_run(w->bus[0]);
}

static bool much_filled(struct pair_world *w, void *arg)
{
	return ((struct stream *)arg)->filled > 1 << 20;
}

static void when_the_back_is_killed_the_front_closes(void **state)
{
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .total = UINT64_MAX, .world = w });
	pid_t pid;

	pid = pair_start(w, 0, endless_back, s);
	pair_open_bus(w, 0); /* the toolstack */
	start_front(w, s, 0);
	pair_attach(w);
	pair_run_until(w, much_filled, s);
	pair_kill(pid);
	pair_await_states(w, XenbusStateClosed, 0);
	assert_int_equal(s->sent.error, -ECONNRESET);
	assert_non_null(strstr(w->log, "DomU: The backend's process is gone, closing"));
	pair_holds_nothing(w);
	assert_int_equal(pair_detach(w, true), 0);
	stop_both(w, s);
	again_in_a_new_life(w);
}

/* -- ends in the middle of a good order: the pages are left, the state is not written yet ----------- */

struct leaver {
	struct stream stream;
	struct xenbus_work end;
};

static void end_of_process(struct xenbus_work *work)
{
	raise(SIGKILL);
}

/* Inside disconnect(): by the loop's next turn it has returned, and the state waits for the store. Not sooner is
 * the store stopped: a look on its way would wait for it, and the front never come here. */
static void left(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result)
{
	struct leaver *leaver = ctx;

	kill(leaver->stream.world->store, SIGSTOP);
	leaver->end.run = end_of_process;
	xenbus_work_post(leaver->stream.world->host, &leaver->end);
}

static void leaving_front(struct pair_world *w, void *arg)
{
	struct leaver *leaver = arg;
	const struct alice_front_config config = {
		.host = w->host, .fd = -1, .fill = fill, .done = left, .ctx = leaver
	};

	leaver->stream.world = w;
	if (!alice_front_start(w->bus[1], &config, &leaver->stream.front))
		xenbus_run(w->bus[1]);
}

static bool is_over(struct pair_world *w, void *arg)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, (id_t) * (pid_t *)arg, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

static void a_front_killed_on_its_way_out_is_dead_all_the_same(void **state)
{
	struct pair_world *w = *state;
	struct stream *s = new_stream((struct stream){ .world = w });
	struct leaver leaver = { .stream = { .total = UINT64_MAX, .stop_at = 1 << 20, .stop = close_front } };
	pid_t pid;

	start_back(w, s, NULL);
	pid = pair_start(w, 1, leaving_front, &leaver);
	pair_attach(w);
	pair_run_until(w, is_over, &pid);
	assert_int_equal(kill(w->store, SIGCONT), 0);
	pair_kill(pid);
	pair_await_states(w, 0, XenbusStateClosed);
	assert_int_equal(pair_state(w, 1), XenbusStateConnected);
	assert_non_null(strstr(w->log, "Dom0: The frontend's process is gone, closing"));
	pair_holds_nothing(w);
	assert_int_equal(pair_detach(w, true), 0);
	stop_both(w, s);
}

int main(void)
{
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
	const struct CMUnitTest tests[] = {
		PAIR_TEST(a_stream_of_any_length_arrives),
		PAIR_TEST(the_log_tells_the_tutorials_story),
		PAIR_TEST(notifications_are_far_fewer_than_requests),
		PAIR_TEST(both_ends_connect_with_at_most_50_requests),
		PAIR_TEST(without_feature_stream_hello_is_all),
		PAIR_TEST(the_smaller_number_of_pages_is_used),
		PAIR_TEST(a_file_becomes_a_file),
		PAIR_TEST(what_cannot_be_read_is_told),
		PAIR_TEST(a_full_disk_is_told_to_both_ends),
		PAIR_TEST(a_file_serves_one_device_at_a_time),
		PAIR_TEST(a_file_without_positions_is_refused),
		PAIR_TEST(the_front_may_close_mid_stream_and_open_again),
		PAIR_TEST(the_back_may_close_mid_stream_and_open_again),
		PAIR_TEST(a_program_that_ends_closes_the_pair),
		PAIR_TEST(a_program_may_end_mid_stream),
		PAIR_TEST(a_program_that_starts_again_connects_again),
		PAIR_TEST(when_the_front_is_killed_the_back_closes),
		PAIR_TEST(when_the_back_is_killed_the_front_closes),
		PAIR_TEST(a_front_killed_on_its_way_out_is_dead_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
