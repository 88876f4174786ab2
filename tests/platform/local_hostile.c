/* SPDX-License-Identifier: MIT */
/* The broker against clients that speak its protocol badly or too well: they lose their own connection. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ends.h"
#include "fixture_local.h"
#include "message.h"

#define HEAD LOCAL_HEAD(local_request, refs)

static int knock(int door, uint32_t version, int theirs)
{
	struct local_request r = { .op = LOCAL_HELLO, .count = version };
	struct message_fds fds = { .n = 1, .fd = { theirs } };

	return message_send(door, &r, HEAD, theirs < 0 ? NULL : &fds, 0);
}

/* A connection of ours into @domain, past the library. */
static int join(struct fixture *fx, int domain)
{
	struct local_reply reply;
	struct message_fds fds;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(knock(fixture_local_fd(fx, domain), LOCAL_VERSION, pair[1]), 0);
	close(pair[1]);
	assert_true(message_recv(pair[0], &reply, sizeof(reply), &fds, 0) > 0);
	assert_int_equal(reply.count, fixture_domid(fx, domain));
	return pair[0];
}

/* The answer's result; 1: hung up. */
static int ask(int sock, const struct local_request *r, size_t len, struct local_reply *reply,
	       struct message_fds *fds)
{
	fds->n = 0;
	if (message_send(sock, r, len, NULL, 0))
		return 1;
	return message_recv(sock, reply, sizeof(*reply), fds, 0) > 0 ? reply->result : 1;
}

static bool hung_up(int sock)
{
	struct pollfd p = { .fd = sock };

	return poll(&p, 1, 20000) == 1 && p.revents & POLLHUP;
}

static uint32_t open_handle(int sock, enum local_handle kind)
{
	struct local_request r = { .op = LOCAL_OPEN, .count = kind };
	struct local_reply reply;
	struct message_fds fds;

	assert_int_equal(ask(sock, &r, HEAD, &reply, &fds), 0);
	return reply.id;
}

/* -- noise -- */

static void pick_fds(struct message_fds *fds, const int *some)
{
	fds->n = rand() % 8 ? 0 : rand() % 4;
	for (int i = 0; i < fds->n; i++)
		fds->fd[i] = some[rand() % 3];
}

/* Words small enough to mean something now and then, of any length. */
static size_t noise(struct local_request *r)
{
	uint32_t *words = (uint32_t *)r;
	bool sane = rand() % 4;

	for (size_t i = 0; i < sizeof(*r) / sizeof(*words); i++)
		words[i] = sane ? (uint32_t)rand() % 12 : (uint32_t)rand() * 2654435761u;
	if (sane)
		r->op = (uint32_t)rand() % (LOCAL_OPS + 2);
	if (sane && rand() % 2)
		r->notify_offset = LOCAL_NO_OFFSET;
	if (sane && rand() % 2)
		r->notify_port = 0;
	if (!sane)
		return (size_t)rand() % (sizeof(*r) + 1);
	return HEAD + (r->op == LOCAL_MAP ? r->count * sizeof(r->refs[0]) : 0);
}

static void noise_costs_only_its_own_connection(void **state)
{
	struct fixture *fx = *state;
	struct end front = end_open(fx, 2), back = end_open(fx, 0);
	int some[3] = { open("/dev/null", O_RDWR), eventfd(0, 0), memfd_create("x", 0) };
	int sock = -1, cut = 0, answered = 0;

	srand(1);
	ends_bind(&front, &back);
	for (int i = 0; i < 20000; i++) {
		struct message_fds send, fds;
		struct local_request r;
		struct local_reply reply;
		size_t len = noise(&r);

		if (sock < 0)
			sock = join(fx, rand() % 2);
		pick_fds(&send, some);
		if (!message_send(sock, &r, len, &send, 0) &&
		    message_recv(sock, &reply, sizeof(reply), &fds, 0) > 0) {
			message_close_fds(&fds);
			answered++;
			continue;
		}
		close(sock);
		sock = -1;
		cut++;
	}
	assert_true(cut > 500 && answered > 500);
	assert_int_equal(xen_platform_evtchn_notify(back.xce, back.port), 0);
	assert_int_equal(fixture_await(front.xce), front.port);
	close(sock);
	for (int i = 0; i < 3; i++)
		close(some[i]);
	end_close(&front);
	end_close(&back);
}

/* Requests that are well formed, about handles that exist: the tables behind them are reached. */
static void well_formed_requests_in_any_order_break_nothing(void **state)
{
	struct fixture *fx = *state;
	uint32_t id[2][4] = { { 0 } };
	int sock[2] = { -1, -1 };
	int ok = 0;

	srand(2);
	for (int i = 0; i < 20000; i++) {
		int d = rand() % 2, kind = 1 + rand() % 3;
		struct local_request r = { .op = (uint32_t)rand() % LOCAL_STORE_RING_RELEASE + 1,
					   .domid = (uint32_t)(rand() % 5 ? rand() % 2 : rand()),
					   .id = 1 + (uint32_t)rand() % 20,
					   .count = 1 + (uint32_t)rand() % 3,
					   .flags = (uint32_t)rand() % 2,
					   .notify_offset = LOCAL_NO_OFFSET };
		struct local_reply reply;
		struct message_fds fds;
		int result;

		if (sock[d] < 0) {
			sock[d] = join(fx, d);
			for (int k = 1; k <= 3; k++)
				id[d][k] = open_handle(sock[d], (enum local_handle)k);
		}
		if (r.op >= LOCAL_BIND_UNBOUND)
			kind = r.op <= LOCAL_UNBIND || r.op == LOCAL_STORE_RING ? 1
			       : r.op <= LOCAL_UNMAP				? 2
										: 3;
		if (r.op != LOCAL_DOMAIN_INFO)
			r.handle = id[d][kind];
		if (r.count == 1 && rand() % 2)
			r.notify_port = (uint32_t)rand() % 20;
		if (r.count == 1 && rand() % 2)
			r.notify_offset = (uint32_t)rand() % 4097;
		for (int k = 0; k < 3; k++) /* not the store ring's, which stays as what it was mapped as */
			r.refs[k] = (uint32_t)(rand() % 4 ? 8 + rand() % 40 : 2 + rand() % 7);
		result = ask(sock[d], &r, HEAD + (r.op == LOCAL_MAP ? r.count * 4 : 0), &reply, &fds);
		message_close_fds(&fds);
		ok += result == 0;
		if (result == 1) {
			close(sock[d]);
			sock[d] = -1;
		}
	}
	assert_true(ok > 500);
	close(sock[0]);
	close(sock[1]);
}

static void the_door_stays_open_whatever_is_thrown_at_it(void **state)
{
	struct fixture *fx = *state;
	int door = fixture_local_fd(fx, 1), file = memfd_create("x", 0), stream[2], pair[2];
	struct local_request r = { .op = LOCAL_OPEN };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(knock(door, LOCAL_VERSION, -1), 0);
	assert_int_equal(knock(door, LOCAL_VERSION, file), 0);
	assert_int_equal(knock(door, LOCAL_VERSION, stream[0]), 0);
	assert_int_equal(knock(door, LOCAL_VERSION + 1, pair[0]), 0);
	assert_int_equal(knock(door, LOCAL_VERSION, door), 0); /* the door itself */
	assert_int_equal(message_send(door, &r, 1, NULL, 0), 0);
	assert_int_equal(message_send(door, &r, sizeof(r), NULL, 0), 0);
	close(pair[0]);
	assert_true(hung_up(pair[1])); /* the broker did not keep it */
	close(pair[1]);
	close(join(fx, 1));
	close(file);
	close(stream[0]);
	close(stream[1]);
}

static void a_domain_has_so_many_connections_and_no_more(void **state)
{
	struct fixture *fx = *state;
	struct xen_platform *worlds[200];
	const char *why = NULL;
	int n = 0, err;

	while (!(err = xen_local_open_fd(fixture_local_fd(fx, 1), &worlds[n], &why)))
		assert_true(++n < 200);
	assert_int_equal(err, -ENOSPC);
	assert_non_null(why);
	fixture_open(fx, 2); /* others may */
	while (n)
		xen_platform_close(worlds[--n]);
}

static void who_asks_again_before_reading_is_cut(void **state)
{
	int sock = join(*state, 1);
	struct local_request r = { .op = LOCAL_OPEN, .count = LOCAL_EVTCHN };

	assert_int_equal(message_send(sock, &r, HEAD, NULL, 0), 0);
	assert_int_equal(message_send(sock, &r, HEAD, NULL, 0), 0);
	assert_true(hung_up(sock));
	close(sock);
}

static void descriptors_where_none_belong_cut(void **state)
{
	struct local_request r = { .op = LOCAL_OPEN, .count = LOCAL_EVTCHN };
	struct message_fds fds = { .n = 1, .fd = { 0 } };
	int sock = join(*state, 1);

	assert_int_equal(message_send(sock, &r, HEAD, NULL, 0), 0);
	assert_true(message_recv(sock, &(struct local_reply){ 0 }, sizeof(struct local_reply), &fds, 0) > 0);
	fds = (struct message_fds){ .n = 1, .fd = { 0 } };
	assert_int_equal(message_send(sock, &r, HEAD, &fds, 0), 0);
	assert_true(hung_up(sock));
	close(sock);
}

static void toolstack_requests_of_a_domain_cut_it(void **state)
{
	for (uint32_t op = LOCAL_DOMAIN_CREATE; op <= LOCAL_DOWN; op++) {
		int sock = join(*state, 0);
		struct local_request r = { .op = op, .domid = 1 };
		struct local_reply reply;
		struct message_fds fds;

		assert_int_equal(ask(sock, &r, HEAD, &reply, &fds), 1);
		close(sock);
	}
	assert_int_equal(fixture_local_stats(*state).domains, 3);
}

/* -- pages -- */

static struct local_reply share(int sock, uint32_t handle, uint32_t domid, uint32_t flags, int *fd)
{
	struct local_request r = { .op = LOCAL_SHARE,
				   .handle = handle,
				   .domid = domid,
				   .count = 1,
				   .flags = flags,
				   .notify_offset = LOCAL_NO_OFFSET };
	struct local_reply reply;
	struct message_fds fds;

	assert_int_equal(ask(sock, &r, HEAD, &reply, &fds), 0);
	assert_int_equal(fds.n, 1);
	*fd = fds.fd[0];
	return reply;
}

static int map(int sock, uint32_t handle, uint32_t domid, uint32_t ref, uint32_t flags, int *fd)
{
	struct local_request r = { .op = LOCAL_MAP,
				   .handle = handle,
				   .domid = domid,
				   .count = 1,
				   .flags = flags,
				   .notify_offset = LOCAL_NO_OFFSET,
				   .refs = { ref } };
	struct local_reply reply;
	struct message_fds fds;
	int result = ask(sock, &r, HEAD + 4, &reply, &fds);

	*fd = fds.n ? fds.fd[0] : -1;
	return result;
}

static int confirm(int sock, uint32_t handle, uint32_t id)
{
	struct local_request r = { .op = LOCAL_SHARED, .handle = handle, .id = id };
	struct local_reply reply;
	struct message_fds fds;

	return ask(sock, &r, HEAD, &reply, &fds);
}

static void assert_cannot_change(int fd)
{
	const uint8_t byte = 1;

	assert_int_equal(pwrite(fd, &byte, 1, 0), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 8192), -1);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

/* With the descriptor itself in hand, and opened again for writing. */
static void a_read_only_page_resists(void **state)
{
	int granter = join(*state, 1), mapper = join(*state, 0), own, got, again;
	uint32_t shr = open_handle(granter, LOCAL_GNTSHR), tab = open_handle(mapper, LOCAL_GNTTAB);
	uint32_t dom1 = fixture_domid(*state, 1);
	struct local_reply s = share(granter, shr, 0, 0, &own);
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
	char path[32];

	assert_int_equal(map(mapper, tab, dom1, s.refs[0], 0, &got), -EINVAL); /* not sealed yet */
	assert_int_equal(confirm(granter, shr, s.id), 0);
	assert_int_equal(map(mapper, tab, dom1, s.refs[0], LOCAL_WRITABLE, &got), -EINVAL);
	assert_int_equal(map(mapper, tab, dom1, s.refs[0], 0, &got), 0);
	assert_cannot_change(got);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", got);
	again = open(path, O_RDWR);
	assert_true(again >= 0);
	assert_cannot_change(again);
	page[0] = 9; /* the granter still can */
	assert_int_equal(pread(got, path, 1, 0), 1);
	assert_int_equal(path[0], 9);
	munmap(page, 4096);
	close(again);
	close(got);
	close(own);
	close(granter);
	close(mapper);
}

/* A writable page cannot be pulled from under its user, nor made unwritable. */
static void a_writable_page_keeps_its_size(void **state)
{
	int granter = join(*state, 1), own;
	uint32_t shr = open_handle(granter, LOCAL_GNTSHR);
	struct local_reply s = share(granter, shr, 0, LOCAL_WRITABLE, &own);

	assert_int_equal(ftruncate(own, 0), -1);
	assert_int_equal(confirm(granter, shr, s.id), 0);
	assert_int_equal(ftruncate(own, 0), -1);
	assert_int_equal(ftruncate(own, 8192), -1);
	assert_int_equal(fcntl(own, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	assert_int_equal(confirm(granter, shr, s.id), 1); /* twice: cut */
	close(own);
	close(granter);
}

static void a_granter_that_seals_otherwise_is_cut(void **state)
{
	const int seals[] = { F_SEAL_SEAL, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE };

	for (int i = 0; i < 6; i++) {
		bool writable = i >= 3;
		int granter = join(*state, 1), own;
		uint32_t shr = open_handle(granter, LOCAL_GNTSHR);
		struct local_reply s = share(granter, shr, 0, writable, &own);

		assert_int_equal(fcntl(own, F_ADD_SEALS, seals[i % 3]), 0);
		/* FUTURE_WRITE on a read-only one is what the broker does itself. */
		assert_int_equal(confirm(granter, shr, s.id), i == 2 ? 0 : 1);
		close(own);
		close(granter);
	}
}

/* -- events -- */

static atomic_bool stop_clearing;

static void *keep_clearing(void *arg)
{
	while (!atomic_load(&stop_clearing))
		fcntl(*(int *)arg, F_SETFL, 0);
	return NULL;
}

/* The eventfd the broker raises is full, and in blocking mode as often as we can make it so. */
static void a_full_blocking_eventfd_does_not_hold_the_broker(void **state)
{
	struct fixture *fx = *state;
	struct end back = end_open(fx, 0);
	int sock = join(fx, 1), bound;
	struct local_request r = { .op = LOCAL_BIND_UNBOUND, .handle = open_handle(sock, LOCAL_EVTCHN) };
	struct local_reply reply;
	struct message_fds fds;
	pthread_t thread;

	assert_int_equal(ask(sock, &r, HEAD, &reply, &fds), 0);
	assert_int_equal(fds.n, 2);
	assert_int_equal(eventfd_write(fds.fd[1], UINT64_MAX - 1), 0);
	atomic_store(&stop_clearing, false);
	assert_int_equal(pthread_create(&thread, NULL, keep_clearing, &fds.fd[1]), 0);
	for (int i = 0; i < 200; i++) {
		bound = xen_platform_evtchn_bind_interdomain(back.xce, fixture_domid(fx, 1), reply.id);
		assert_true(bound > 0);
		assert_int_equal(xen_platform_evtchn_unbind(back.xce, (uint32_t)bound), 0);
	}
	atomic_store(&stop_clearing, true);
	pthread_join(thread, NULL);
	message_close_fds(&fds);
	close(sock);
	end_close(&back);
}

/* -- a process without room -- */

static void without_room_for_descriptors_nothing_is_held(void **state)
{
	struct end front = end_open(*state, 1), back = end_open(*state, 0);
	struct xen_local_stats before = fixture_local_stats(*state), after;
	struct rlimit limit, none;
	uint32_t ref, port;
	uint8_t *page;
	void *addr;

	end_share(&front, &back, 1, true, &ref);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)eventfd(0, 0); /* the lowest that is free */
	close((int)none.rlim_cur);
	for (int room = 0; room < 3; room++) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		if (room < 2)
			assert_int_equal(xen_platform_evtchn_bind_unbound_port(front.xce, 0), -EMFILE);
		if (room < 1) {
			assert_int_equal(xen_platform_gntshr_share(front.xgs, 0, 1, true, &port, &addr),
					 -EMFILE);
			assert_int_equal(end_map(&back, &front, &ref, 1, PROT_READ, &page), -EMFILE);
		}
		assert_int_equal(xen_platform_store_ring(front.platform, front.xce, &addr, &port), -EMFILE);
		none.rlim_cur++;
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(xen_platform_store_ring(front.platform, front.xce, &addr, &port), 0);
	xen_platform_store_ring_release(front.platform, addr);
	after = fixture_local_stats(*state);
	assert_int_equal(after.ports, before.ports);
	assert_int_equal(after.grants, before.grants + 1);
	assert_int_equal(after.mappings, 0);
	end_close(&front);
	end_close(&back);
}

/* -- the toolstack's socket -- */

static int connect_raw(struct fixture *fx)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", fixture_local_rundir(fx), LOCAL_SOCKET);
	assert_int_equal(connect(sock, (struct sockaddr *)&un, sizeof(un)), 0);
	return sock;
}

static int spawn_with(struct fixture *fx, int text)
{
	struct local_request r = { .op = LOCAL_DOMAIN_SPAWN, .domid = fixture_domid(fx, 1) };
	struct message_fds fds = { .n = 4, .fd = { text, 0, 1, 2 } };
	struct local_reply reply;
	int sock = connect_raw(fx), result = 1;

	assert_int_equal(message_send(sock, &r, HEAD, &fds, 0), 0);
	if (message_recv(sock, &reply, sizeof(reply), &fds, 0) > 0)
		result = reply.result;
	close(sock);
	return result;
}

static void a_spawn_text_that_is_none_is_cut(void **state)
{
	static const struct {
		struct local_spawn_text head;
		char strings[16];
		size_t len;
	} texts[] = {
		{ { 0, 0 }, "/", 10 },		      /* no program */
		{ { 1, 0 }, "/", 10 },		      /* one announced, none there */
		{ { 1, 0 }, "/\0true\0x", 16 },	      /* more than announced */
		{ { 1, 0 }, "/\0true", 14 },	      /* not terminated */
		{ { UINT32_MAX, 1 }, "/\0true", 15 }, /* sums overflow */
		{ { 1, UINT32_MAX }, "/\0true", 15 },
		{ { 1, 0 }, "", 4 }, /* not even a head */
	};
	int pipe_end[2], plain = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(pipe(pipe_end), 0);
	assert_int_equal(spawn_with(*state, pipe_end[0]), 1); /* it would wait for ever */
	assert_int_equal(write(plain, "\1\0\0\0\0\0\0\0/\0true", 15), 15);
	assert_int_equal(spawn_with(*state, plain), 1); /* could change while it is read */
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		assert_int_equal(write(fd, &texts[i], texts[i].len), texts[i].len);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
		assert_int_equal(spawn_with(*state, fd), 1);
		close(fd);
	}
	close(plain);
	close(pipe_end[0]);
	close(pipe_end[1]);
}

int main(void)
{
#define LOCAL(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		LOCAL(noise_costs_only_its_own_connection),
		LOCAL(well_formed_requests_in_any_order_break_nothing),
		LOCAL(the_door_stays_open_whatever_is_thrown_at_it),
		LOCAL(a_domain_has_so_many_connections_and_no_more),
		LOCAL(who_asks_again_before_reading_is_cut),
		LOCAL(descriptors_where_none_belong_cut),
		LOCAL(toolstack_requests_of_a_domain_cut_it),
		LOCAL(a_read_only_page_resists),
		LOCAL(a_writable_page_keeps_its_size),
		LOCAL(a_granter_that_seals_otherwise_is_cut),
		LOCAL(a_full_blocking_eventfd_does_not_hold_the_broker),
		LOCAL(without_room_for_descriptors_nothing_is_held),
		LOCAL(a_spawn_text_that_is_none_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
