/* SPDX-License-Identifier: MIT */
/*
 * What an operator complains of, and what `xenbus store stats` tells him, on a local world. In a guest the other side
 * is this very program, run by `xenbus run -- store_stories guest DOES`.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/local.h>
#include <xenbus/platform.h>
#include <xenbus/wire.h>

#include "command.h"
#include "local_store.h"
#include "wellformed.h"

static char self[PATH_MAX], xenbus[PATH_MAX];
static struct local_store local;

static int ask(struct xenstore *xs, uint32_t op, uint32_t tx, const char *one, const char *other,
	       char **reply)
{
	const struct iovec iov[] = { { (void *)(uintptr_t)one, strlen(one) + 1 },
				     { (void *)(uintptr_t)other, other ? strlen(other) : 0 } };

	return xenstore_call(xs, op, tx, iov, other ? 2 : 1, reply, NULL);
}

/* -- a guest that does not stop ------------------------------------------------------------------ */

static int guest_main(const char *does)
{
	const char *variable = getenv(XEN_LOCAL_DOMAIN_FD_ENV), *why;
	struct xenbus_host *host;
	struct xen_platform *platform;
	struct xenstore *xs;

	alarm(60);
	if (!variable || xenbus_host_new(&host) || xen_local_open_fd(atoi(variable), &platform, &why) ||
	    xenstore_open(host, platform, NULL, &xs, &why))
		return 2;
	for (;;)
		if (!strcmp(does, "writes"))
			ask(xs, XS_WRITE, XBT_NULL, "data/x", "value", NULL);
		else
			ask(xs, XS_DIRECTORY, XBT_NULL, "/local/domain", NULL, NULL);
}

/* -- a world ------------------------------------------------------------------------------------ */

static int make_world(void **state)
{
	local_store_begin(&local);
	return 0;
}

static int end_world(void **state)
{
	return local_store_end(&local);
}

static pid_t start_guest(const char *domid, const char *does)
{
	return START("xenbus", "run", "--domid", domid, self, "guest", does);
}

static void stop_guest(const char *domid, pid_t pid)
{
	struct command c;

	RUN(&c, "xenbus", "destroy", "--domid", domid);
	assert_int_equal(c.status, 0);
	command_wait(pid);
}

/* A transaction of dom0 that reads @path and writes elsewhere; the guest gets its turns meanwhile. 0 or its error. */
static int read_and_write(struct client *c, const char *path)
{
	char *id;
	uint32_t tx;

	assert_int_equal(ask(c->xs, XS_TRANSACTION_START, XBT_NULL, "", NULL, &id), 0);
	tx = (uint32_t)strtoul(id, NULL, 10);
	free(id);
	ask(c->xs, XS_READ, tx, path, NULL, NULL);
	ask(c->xs, XS_WRITE, tx, "/toolstack", "1", NULL);
	for (int i = 0; i < 20; i++)
		ask(c->xs, XS_READ, XBT_NULL, "/toolstack", NULL, NULL);
	return ask(c->xs, XS_TRANSACTION_END, tx, "T", NULL, NULL);
}

/* -- the stories --------------------------------------------------------------------------------- */

/* "xenstored is at 100 %." */
static void a_guest_that_floods_the_store_stands_first(void **state)
{
	struct client c = client_begin(&local);
	pid_t pid = start_guest("7", "reads");
	struct command stats;
	const char *first;

	do {
		ask(c.xs, XS_READ, XBT_NULL, "/tool", NULL, NULL);
		RUN(&stats, "xenbus", "store", "stats", "--interval", "1", "-n", "1");
		assert_string_equal(stats.err, "");
		assert_int_equal(stats.status, 0);
	} while (!strstr(stats.out, "domain 7 ")); /* it has not started yet */
	first = strstr(stats.out, "mostly\n");
	assert_non_null(first);
	first = strchr(first, '\n') + 1;
	if (strncmp(first + strcspn(first, "d"), "domain 7 ", strlen("domain 7 ")) != 0)
		fail_msg("somebody else stands first:\n%s", stats.out);
	assert_non_null(strstr(first, "DIRECTORY 100 %\n"));

	RUN(&stats, "xenbus", "store", "stats", "--domain", "7");
	assert_non_null(strstr(stats.out, "\ndomain 7\nrequests: DIRECTORY "));
	assert_null(strstr(stats.out, "store_stories"));
	RUN(&stats, "xenbus", "store", "stats", "--domain", "7", "--json");
	first = strstr(stats.out, "\"connection\":\"d7\"");
	first = first ? strstr(first, "\"busy_us\":") : NULL;
	assert_true(first && strtoull(first + strlen("\"busy_us\":"), NULL, 10) > 0);
	stop_guest("7", pid);
	client_end(&c);
}

/* "My guest does not start: the toolstack gets EAGAIN for ever." */
static void what_makes_transactions_fail_is_told_with_path_and_domain(void **state)
{
	struct client c = client_begin(&local);
	pid_t pid = start_guest("5", "writes");
	struct command stats;
	char wanted[256];
	int lost = 0;

	while (lost < 3)
		lost += read_and_write(&c, "/local/domain/5/data/x") == -EAGAIN;
	RUN(&stats, "xenbus", "store", "stats");
	assert_int_equal(stats.status, 0);
	/* Before its first write the node was missing: that it was created may have cost the first. */
	assert_non_null(strstr(stats.out, "  domain 5 wrote /local/domain/5/data/x: "));
	snprintf(wanted, sizeof(wanted), " of domain 0 failed, the last of domain 0's %s (%d)\n",
		 "store_stories", (int)getpid());
	if (!strstr(stats.out, wanted))
		fail_msg("no '%s' in\n%s", wanted, stats.out);

	RUN(&stats, "xenbus", "store", "stats", "--json");
	assert_true(is_json(stats.out));
	assert_non_null(strstr(stats.out,
			       "\"kind\":\"written\",\"path\":\"/local/domain/5/data/x\",\"path_cut\":false,"
			       "\"quota\":null,\"caused_by\":{\"domain\":5,\"connection\":\"d5\"}"));
	stop_guest("5", pid);
	client_end(&c);
}

/* What happened before an interval is not of it. */
static void old_conflicts_are_not_told_of_an_interval(void **state)
{
	struct client c = client_begin(&local), other = client_begin(&local);
	struct command stats;
	char *id;
	uint32_t tx;

	assert_int_equal(ask(c.xs, XS_WRITE, XBT_NULL, "/old", "1", NULL), 0);
	assert_int_equal(ask(c.xs, XS_TRANSACTION_START, XBT_NULL, "", NULL, &id), 0);
	tx = (uint32_t)strtoul(id, NULL, 10);
	free(id);
	ask(c.xs, XS_READ, tx, "/old", NULL, NULL);
	ask(other.xs, XS_WRITE, XBT_NULL, "/old", "2", NULL);
	ask(c.xs, XS_WRITE, tx, "/new", "1", NULL);
	assert_int_equal(ask(c.xs, XS_TRANSACTION_END, tx, "T", NULL, NULL), -EAGAIN);
	RUN(&stats, "xenbus", "store", "stats");
	assert_non_null(strstr(stats.out, " wrote /old: 1 transaction of domain 0 failed"));
	RUN(&stats, "xenbus", "store", "stats", "-i1", "-n1");
	assert_null(strstr(stats.out, "/old"));
	assert_non_null(strstr(stats.out, " 0 transactions failed with EAGAIN"));
	client_end(&other);
	client_end(&c);
}

/* -- ends ---------------------------------------------------------------------------------------- */

/* Answers every request with @type and @payload, on one connection; ends when the client has left. */
static pid_t start_other_store(const char *path, uint32_t type, const char *payload)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	const uint32_t len = (uint32_t)strlen(payload) + 1;
	char message[WIRE_MESSAGE_MAX];
	struct xsd_sockmsg header;
	pid_t pid;

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (pid) {
		close(fd);
		return pid;
	}
	peer = accept(fd, NULL, NULL);
	while (read(peer, message, sizeof(message)) >= WIRE_HEADER_SIZE) {
		wire_header_get(message, &header);
		wire_header_put(message, type, header.req_id, 0, len);
		memcpy(message + WIRE_HEADER_SIZE, payload, len);
		if (write(peer, message, WIRE_HEADER_SIZE + len) < 0)
			break;
	}
	_exit(0);
}

/* Another server, one that lies, and one whose pages never end. */
static void a_store_without_statistics_is_told_apart(void **state)
{
	static const struct {
		uint32_t type;
		const char *payload, *said;
	} rows[] = {
		{ XS_ERROR, "EINVAL",
		  "has no statistics: it is another xenstored than this project's, or an older one\n" },
		{ XS_ERROR, "ENOSYS", "has no statistics: it is another" },
		{ XS_ERROR, "EACCES", "Permission denied" },
		{ XS_CONTROL, "OK", "sent what are no statistics" },
		{ XS_CONTROL, "[1]", "sent what are no statistics" },
		{ XS_CONTROL, "{}", "sent what are no statistics" },
		{ XS_CONTROL, "{\"domains\":[],\"next\":0,\"connections\":5}",
		  "sent what are no statistics" },
		{ XS_CONTROL, "{\"domains\":[],\"connections\":[],\"conflicts\":[7],\"next\":null}",
		  "sent what are no statistics" },
		{ XS_CONTROL, "{\"domains\":[],\"connections\":[],\"conflicts\":[],\"next\":1}",
		  "sent what are no statistics" },
	};
	struct command c;
	char path[96];

	snprintf(path, sizeof(path), "%s/other", local.top);
	setenv("XENSTORED_PATH", path, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pid_t pid = start_other_store(path, rows[i].type, rows[i].payload);

		RUN(&c, "xenbus", "store", "stats");
		assert_int_equal(c.status, 1);
		if (!strstr(c.err, rows[i].said) || !strstr(c.err, path))
			fail_msg("%s: %s", rows[i].payload, c.err);
		assert_string_equal(c.out, "");
		assert_int_equal(command_wait(pid), 0);
		unlink(path);
	}
	RUN(&c, "xenbus", "store", "stats");
	unsetenv("XENSTORED_PATH");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "no store at"));
}

static void a_domain_that_is_not_there_is_said_so(void **state)
{
	struct command c;

	RUN(&c, "xenbus", "store", "stats", "--domain", "99");
	assert_int_equal(c.status, 1);
	assert_string_equal(c.err, "xenbus: the store knows no domain 99\n");
}

static void a_watcher_that_is_interrupted_ends_well(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM };
	int fds[2];

	for (int i = 0; i < 2; i++) {
		char line[256];
		ssize_t len;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		snprintf(line, sizeof(line), "exec \"$0\" store stats -i 1 --json >&%d", fds[1]);
		pid = START("sh", "-c", line, xenbus);
		close(fds[1]);
		len = read(fds[0], line,
			   sizeof(line)); /* it has begun, and is somewhere in the next interval */
		assert_true(len > 0 && line[0] == '{');
		kill(pid, signals[i]);
		while (read(fds[0], line, sizeof(line)) > 0)
			;
		assert_int_equal(command_wait(pid), 0);
		close(fds[0]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_floods_the_store_stands_first),
		cmocka_unit_test(what_makes_transactions_fail_is_told_with_path_and_domain),
		cmocka_unit_test(old_conflicts_are_not_told_of_an_interval),
		cmocka_unit_test(a_store_without_statistics_is_told_apart),
		cmocka_unit_test(a_domain_that_is_not_there_is_said_so),
		cmocka_unit_test(a_watcher_that_is_interrupted_ends_well),
	};

	if (argc == 3 && !strcmp(argv[1], "guest"))
		return guest_main(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	command_adopt_orphans();
	assert_non_null(realpath(argv[0], self));
	command_path("xenbus", xenbus, sizeof(xenbus));
	return cmocka_run_group_tests(tests, make_world, end_world);
}
