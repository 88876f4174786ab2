/* SPDX-License-Identifier: MIT */
/* The daemon as a program in the local world: a real broker, real pages and eventfds, a guest in this process. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <xenbus/local.h>
#include <xenbus/platform.h>
#include <xenbus/ring.h>

static const char *const arguments[] = { "--platform=required", "-V", NULL };

struct world {
	char dir[64];
	pid_t broker;
	struct xen_local *toolstack;
	struct daemon daemon;
	int client; /* connection to the daemon's socket */
};

static void start_broker(struct world *w)
{
	struct xen_local_broker *broker;

	strcpy(w->dir, "/tmp/xenstored-local-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(xen_local_broker_new(w->dir, &broker), 0);
	w->broker = fork();
	assert_true(w->broker >= 0);
	if (w->broker == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(xen_local_broker_run(broker) ? 1 : 0);
	}
	xen_local_broker_free(broker);
	assert_int_equal(xen_local_connect(w->dir, &w->toolstack), 0);
}

static void start_daemon(struct world *w)
{
	int fd = xen_local_domain_fd(w->toolstack, 0);
	char number[16];

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFD, 0), 0);
	snprintf(number, sizeof(number), "%d", fd);
	setenv(XEN_LOCAL_DOMAIN_FD_ENV, number, 1);
	daemon_start(&w->daemon, arguments);
	unsetenv(XEN_LOCAL_DOMAIN_FD_ENV);
	close(fd);
	w->client = wire_connect(&w->daemon);
}

static struct world *begin(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	start_broker(w);
	start_daemon(w);
	return w;
}

static void end_broker(struct world *w)
{
	char command[96];
	int status;

	assert_int_equal(xen_local_down(w->toolstack), 0);
	xen_local_disconnect(w->toolstack);
	assert_int_equal(waitpid(w->broker, &status, 0), w->broker);
	assert_int_equal(status, 0);
	snprintf(command, sizeof(command), "rm -r %s", w->dir); /* the broker leaves its lock file there */
	assert_int_equal(system(command), 0);
}

static void end(struct world *w)
{
	close(w->client);
	daemon_stop(&w->daemon);
	end_broker(w);
	free(w);
}

/* -- a guest ------------------------------------------------------------------------------------ */

struct guest {
	struct xen_platform *platform;
	struct xen_platform_evtchn *xce;
	void *mapped;
	struct store_page page;
	uint32_t domid, port;
};

static void tell(struct world *w, uint32_t type, const char *format, uint32_t domid, uint32_t number,
		 const char *expected)
{
	struct wire_answer answer;
	char payload[128];
	size_t len = (size_t)snprintf(payload, sizeof(payload), format, domid, number) + 1;

	for (size_t i = 0; i < len; i++)
		payload[i] = payload[i] == '|' ? '\0' : payload[i];
	wire_ask(w->client, type, payload, len, &answer);
	assert_string_equal(answer.payload, expected);
}

static void guest_begin(struct world *w, struct guest *guest)
{
	struct xen_local_store store;
	const char *why;
	int fd, domid = xen_local_domain_create(w->toolstack, 0, &store);

	assert_true(domid > 0);
	guest->domid = (uint32_t)domid;
	tell(w, XS_INTRODUCE, "%u|1|%u", guest->domid, store.port, "OK");
	tell(w, XS_MKDIR, "/local/domain/%u", guest->domid, 0, "OK");
	tell(w, XS_SET_PERMS, "/local/domain/%u|n%u", guest->domid, guest->domid, "OK");
	fd = xen_local_domain_fd(w->toolstack, guest->domid);
	assert_true(fd >= 0);
	assert_int_equal(xen_local_open_fd(fd, &guest->platform, &why), 0);
	close(fd);
	assert_int_equal(xen_platform_evtchn_open(guest->platform, &guest->xce), 0);
	assert_int_equal(xen_platform_store_ring(guest->platform, guest->xce, &guest->mapped, &guest->port),
			 0);
	store_page_attach(&guest->page, guest->mapped);
}

static void guest_end(struct guest *guest)
{
	xen_platform_store_ring_release(guest->platform, guest->mapped);
	xen_platform_evtchn_close(guest->xce);
	xen_platform_close(guest->platform);
}

static void await_event(struct guest *guest)
{
	struct pollfd wait = { .fd = xen_platform_evtchn_fd(guest->xce), .events = POLLIN };
	int port;

	assert_int_equal(poll(&wait, 1, -1), 1);
	port = xen_platform_evtchn_pending(guest->xce);
	if (port != -EAGAIN) {
		assert_int_equal(port, guest->port);
		assert_int_equal(xen_platform_evtchn_unmask(guest->xce, guest->port), 0);
	}
}

static void guest_send(struct guest *guest, const void *bytes, size_t len)
{
	while (len) {
		int n = byte_ring_put(&guest->page.req, bytes, len);

		assert_true(n >= 0);
		bytes = (const char *)bytes + n;
		len -= (size_t)n;
		assert_int_equal(xen_platform_evtchn_notify(guest->xce, guest->port), 0);
		if (len)
			await_event(guest);
	}
}

static void guest_receive(struct guest *guest, void *to, size_t len)
{
	while (len) {
		int n = byte_ring_get(&guest->page.rsp, to, len);

		assert_true(n >= 0);
		to = (char *)to + n;
		len -= (size_t)n;
		if (n)
			assert_int_equal(xen_platform_evtchn_notify(guest->xce, guest->port), 0);
		else
			await_event(guest);
	}
}

static void guest_answer(struct guest *guest, struct wire_answer *answer)
{
	char header[WIRE_HEADER_SIZE];

	guest_receive(guest, header, sizeof(header));
	wire_header_get(header, &answer->header);
	assert_true(answer->header.len <= WIRE_PAYLOAD_MAX);
	guest_receive(guest, answer->payload, answer->header.len);
	answer->payload[answer->header.len] = '\0';
}

static void guest_ask(struct guest *guest, uint32_t type, const char *payload, size_t len,
		      const char *expected)
{
	struct wire_answer answer;
	char message[WIRE_MESSAGE_MAX];

	guest_send(guest, message, wire_build(message, type, 9, payload, len));
	guest_answer(guest, &answer);
	assert_int_equal(answer.header.req_id, 9);
	assert_string_equal(answer.payload, expected);
}

/* -- claims ------------------------------------------------------------------------------------- */

static void guests_meet_in_the_store(void **state)
{
	struct world *w = begin();
	struct guest a, b;

	guest_begin(w, &a);
	guest_begin(w, &b);
	assert_int_equal(atomic_load(a.page.server_features), 15);
	guest_ask(&a, XS_WRITE, "hello\0from a", 12, "OK");
	tell(w, XS_SET_PERMS, "/local/domain/%u/hello|n%u|r0", a.domid, a.domid, "OK");
	guest_ask(&a, XS_READ, "hello", 6, "from a");
	guest_ask(&b, XS_READ, "/local/domain/1/hello", 22, "EACCES");
	guest_ask(&b, XS_READ, "mine", 5, "ENOENT");
	guest_end(&a);
	guest_end(&b);
	end(w);
}

/* More than the ring holds, both ways, until every wake-up that could be lost has had its chance. */
static void a_long_stream_of_requests_loses_no_wakeup(void **state)
{
	enum { REQUESTS = 3000 };
	struct world *w = begin();
	struct wire_answer answer;
	struct guest guest;
	char value[1500] = "value", message[WIRE_MESSAGE_MAX];

	guest_begin(w, &guest);
	memset(value + 6, 'v', sizeof(value) - 6);
	for (uint32_t i = 0; i < REQUESTS; i++) {
		size_t len = i % 3 ? 6 : sizeof(value);

		guest_send(&guest, message, wire_build(message, i % 3 ? XS_READ : XS_WRITE, i, value, len));
		guest_answer(&guest, &answer);
		assert_int_equal(answer.header.req_id, i);
		assert_int_equal(answer.header.len, i % 3 ? sizeof(value) - 6 : 3);
	}
	guest_end(&guest);
	end(w);
}

static void the_death_of_a_domain_is_told(void **state)
{
	struct world *w = begin();
	struct wire_answer answer;
	struct guest guest;
	int watcher = wire_connect(&w->daemon);

	guest_begin(w, &guest);
	guest_ask(&guest, XS_WRITE, "trace\0x", 7, "OK");
	wire_request(watcher, XS_WATCH, 1, "@releaseDomain\0t", 17);
	assert_int_equal(wire_answer(watcher, &answer), 1);
	assert_int_equal(wire_answer(watcher, &answer), 1);
	assert_int_equal(xen_local_domain_destroy(w->toolstack, guest.domid), 0);
	assert_int_equal(wire_answer(watcher, &answer), 1);
	assert_string_equal(answer.payload, "@releaseDomain");
	tell(w, XS_READ, "/local/domain/%u/trace", guest.domid, 0, "ENOENT");
	close(watcher);
	guest_end(&guest);
	end(w);
}

static void a_lying_guest_is_stopped_and_comes_back(void **state)
{
	struct world *w = begin();
	struct guest guest;

	guest_begin(w, &guest);
	atomic_store(guest.page.req.prod, atomic_load(guest.page.req.cons) + 9999);
	assert_int_equal(xen_platform_evtchn_notify(guest.xce, guest.port), 0);
	while (atomic_load(guest.page.error) != STORE_PAGE_ERROR_RINGIDX)
		await_event(&guest);
	wire_alive(&w->daemon, w->client);
	atomic_store(guest.page.connection, STORE_PAGE_RECONNECT);
	assert_int_equal(xen_platform_evtchn_notify(guest.xce, guest.port), 0);
	while (atomic_load(guest.page.connection) != STORE_PAGE_CONNECTED)
		await_event(&guest);
	assert_int_equal(atomic_load(guest.page.error), STORE_PAGE_ERROR_NONE);
	guest_ask(&guest, XS_WRITE, "again\0x", 7, "OK");
	guest_end(&guest);
	end(w);
}

/* In transaction @tx; the answer's payload. */
static void ask_in(struct world *w, uint32_t tx, uint32_t type, const char *payload, size_t len,
		   struct wire_answer *answer)
{
	char message[WIRE_MESSAGE_MAX];
	const size_t size = wire_build(message, type, 1, payload, len);

	wire_header_put(message, type, 1, tx, (uint32_t)len);
	wire_bytes(w->client, message, size);
	assert_int_equal(wire_answer(w->client, answer), 1);
}

/* One try, between whose first request and last the guest writes what it rests on. */
static bool commit_against(struct world *w, struct guest *guest)
{
	struct wire_answer answer;
	char message[WIRE_MESSAGE_MAX], path[64];
	size_t len = (size_t)snprintf(path, sizeof(path), "/local/domain/%u/hot", guest->domid) + 1;
	uint32_t tx;
	bool done;

	ask_in(w, 0, XS_TRANSACTION_START, "", 1, &answer);
	tx = (uint32_t)strtoul(answer.payload, NULL, 10);
	ask_in(w, tx, XS_READ, path, len, &answer);
	guest_send(guest, message, wire_build(message, XS_WRITE, 9, "hot\0again", 9));
	for (int i = 0; i < 3; i++) /* rounds in which it could have its turn */
		ask_in(w, tx, XS_READ, path, len, &answer);
	ask_in(w, tx, XS_WRITE, path, len, &answer);
	ask_in(w, tx, XS_TRANSACTION_END, "T", 2, &answer);
	done = answer.header.type == XS_TRANSACTION_END;
	guest_answer(guest, &answer);
	assert_string_equal(answer.payload, "OK");
	return done;
}

static void a_guest_that_writes_on_cannot_keep_domain_0_from_committing(void **state)
{
	struct world *w = begin();
	struct guest guest;

	guest_begin(w, &guest);
	guest_ask(&guest, XS_WRITE, "hot\0first", 9, "OK");
	for (int commits = 0; commits < 5; commits++) {
		int tries = 1;

		while (!commit_against(w, &guest))
			assert_true(++tries < 300);
	}
	guest_end(&guest);
	end(w);
}

static void the_end_of_the_world_ends_the_daemon(void **state)
{
	struct world *w = begin();
	char output[4096];

	close(w->client);
	end_broker(w);
	assert_int_equal(daemon_await_end(&w->daemon, output, sizeof(output)), 1);
	assert_non_null(strstr(output, "the world has ended"));
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guests_meet_in_the_store),
		cmocka_unit_test(a_long_stream_of_requests_loses_no_wakeup),
		cmocka_unit_test(the_death_of_a_domain_is_told),
		cmocka_unit_test(a_lying_guest_is_stopped_and_comes_back),
		cmocka_unit_test(a_guest_that_writes_on_cannot_keep_domain_0_from_committing),
		cmocka_unit_test(the_end_of_the_world_ends_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
