/* SPDX-License-Identifier: MIT */
/*
 * `xenbus store trace` as a user runs it, on a local world. In a guest the other side is this very program, run by
 * `xenbus run -- store_trace guest PATH VALUE`.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
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

#define TEXT_MAX (64u << 20)

static char self[PATH_MAX], xenbus[PATH_MAX], output[64], status_file[64];
static struct local_store local;
/* What the tracer has printed so far. */
static char *text;

static int write_value(struct xenstore *xs, const char *path, const char *value)
{
	const struct iovec iov[] = { { (void *)(uintptr_t)path, strlen(path) + 1 },
				     { (void *)(uintptr_t)value, strlen(value) } };

	return xenstore_call(xs, XS_WRITE, XBT_NULL, iov, 2, NULL, NULL);
}

static int guest_main(const char *path, const char *value)
{
	const char *variable = getenv(XEN_LOCAL_DOMAIN_FD_ENV), *why;
	struct xenbus_host *host;
	struct xen_platform *platform;
	struct xenstore *xs;
	int err;

	alarm(60);
	if (!variable || xenbus_host_new(&host) || xen_local_open_fd(atoi(variable), &platform, &why) ||
	    xenstore_open(host, platform, NULL, &xs, &why))
		return 2;
	err = write_value(xs, path, value);
	xenstore_close(xs);
	xen_platform_close(platform);
	xenbus_host_free(host);
	return err ? 1 : 0;
}

/* -- a world, clients, tracers ------------------------------------------------------------------- */

static int make_world(void **state)
{
	local_store_begin(&local);
	snprintf(output, sizeof(output), "%s/output", local.top);
	snprintf(status_file, sizeof(status_file), "%s/status", local.top);
	return 0;
}

static int end_world(void **state)
{
	unlink(output);
	unlink(status_file);
	return local_store_end(&local);
}

static void read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t len = 0;

	if (file) {
		len = fread(text, 1, TEXT_MAX - 1, file);
		fclose(file);
	}
	text[len] = '\0';
}

/* A shell line with the tracer in it, which is "$0": @options go behind it. */
static pid_t start_shell(const char *line, const char *options)
{
	char command[1024];

	unlink(output);
	unlink(status_file);
	snprintf(command, sizeof(command), line, options);
	return START("sh", "-c", command, xenbus, output, status_file);
}

/* Starts one, and returns when it traces: a write that it must print was printed. */
static pid_t start_tracer(const char *options, struct client *c, const char *marker)
{
	pid_t pid = start_shell("exec \"$0\" store trace %s >\"$1\" 2>&1", options);

	do {
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
		assert_int_equal(write_value(c->xs, marker, "marker"), 0);
		read_text(output);
	} while (!strstr(text, "marker"));
	return pid;
}

/* Until @what stands in the output. */
static void await_text(const char *what)
{
	do
		read_text(output);
	while (!strstr(text, what));
}

static int stop_tracer(pid_t pid, int signal)
{
	kill(pid, signal);
	return command_wait(pid);
}

static size_t count_text(const char *what)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		count++;
	return count;
}

static pid_t store_pid(void)
{
	char path[80];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "%s/xenstored.pid", local.dir);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

/* -- what is printed ----------------------------------------------------------------------------- */

static void the_operations_of_all_clients_are_printed(void **state)
{
	struct client one = client_begin(&local), two = client_begin(&local);
	pid_t pid = start_tracer("", &one, "/marker");
	char first[16], second[16];
	const char *at;

	assert_int_equal(write_value(one.xs, "/of-one", "1"), 0);
	assert_int_equal(write_value(two.xs, "/of-two", "2"), 0);
	assert_int_equal(write_value(two.xs, "/of-two", ""), 0);
	await_text("(/of-two|)\n");
	at = strstr(text, "(/of-one|1)\n");
	assert_non_null(at);
	assert_non_null(strstr(at, "(/of-two|2)\n")); /* in order */
	while (at[-1] != '\n')
		at--;
	assert_int_equal(sscanf(at, "%*d %*s IN %15s WRITE %*u/0 (/of-one|1)", first), 1);
	at = strchr(at, '\n') + 1;
	assert_int_equal(sscanf(at, "%*d %*s OUT %15s WRITE %*u/0 (OK|)", second), 1);
	assert_string_equal(first, second);
	at = strchr(at, '\n') + 1;
	assert_int_equal(sscanf(at, "%*d %*s IN %15s WRITE %*u/0 (/of-two|2)", second), 1);
	assert_string_not_equal(first, second);
	assert_int_equal(stop_tracer(pid, SIGINT), 0);
	client_end(&one);
	client_end(&two);
}

static void filters_let_through_what_they_say(void **state)
{
	struct client c = client_begin(&local);
	pid_t pid = start_tracer("--path /a/b/", &c, "/a/b");
	struct command guest;

	assert_int_equal(write_value(c.xs, "/a/bb", "no"), 0);
	assert_int_equal(write_value(c.xs, "/a", "no"), 0);
	assert_int_equal(write_value(c.xs, "/a/b/c", "yes"), 0);
	assert_int_equal(write_value(c.xs, "/a/b", "end"), 0);
	await_text("end");
	assert_int_equal(stop_tracer(pid, SIGTERM), 0);
	assert_null(strstr(text, "no"));
	assert_non_null(strstr(text, "(/a/b/c|yes)\n"));

	pid = start_shell("exec \"$0\" store trace %s >\"$1\" 2>&1",
			  "--domain 7 --path /local/domain/7/data -n 1");
	/* Whichever of them comes after it listens. */
	do
		RUN(&guest, "xenbus", "run", "--domid", "7", self, "guest", "data", "of-7");
	while (guest.status == 0 && waitpid(pid, NULL, WNOHANG) == 0);
	assert_int_equal(guest.status, 0);
	read_text(output);
	assert_non_null(strstr(text, " IN  d7 WRITE "));
	assert_int_equal(count_text("\n"), 1);
	client_end(&c);
}

/* What the guest wrote takes no effect on a terminal and makes no lines of its own. */
static void bytes_of_a_guest_are_escaped(void **state)
{
	static const char value[] = "\033[31m\r\n20260101 forged\x7f\xc3\xa9\\(\"";
	struct client c = client_begin(&local);
	struct command guest;
	pid_t pid = start_tracer("", &c, "/marker");

	RUN(&guest, "xenbus", "run", "--domid", "5", self, "guest", "data", value);
	assert_int_equal(guest.status, 0);
	await_text("forged");
	assert_int_equal(stop_tracer(pid, SIGINT), 0);
	assert_non_null(
		strstr(text, "(data|\\x1b[31m\\x0d\\x0a20260101 forged\\x7f\\xc3\\xa9\\x5c\\x28\")\n"));
	for (const char *byte = text; *byte; byte++)
		assert_true((*byte >= ' ' && *byte < 0x7f) || *byte == '\n');

	pid = start_tracer("--json", &c, "/marker");
	RUN(&guest, "xenbus", "run", "--domid", "5", self, "guest", "data", value);
	assert_int_equal(guest.status, 0);
	await_text("forged");
	assert_int_equal(stop_tracer(pid, SIGINT), 0);
	assert_non_null(strstr(
		text, "\"connection\": \"d5\", \"domain\": 5, \"direction\": \"in\", \"op\": \"WRITE\""));
	assert_non_null(strstr(
		text, "\"tx\": 0, \"path\": \"data\", \"payload\": \"\\u001b[31m\\u000d\\u000a20260101 "
		      "forged\\u007f\\u00c3\\u00a9\\\\(\\\"\", \"error\": null}\n"));
	client_end(&c);
}

/* As a JSON parser reads it; the machine may have none. */
static void json_is_an_object_a_line(void **state)
{
	struct client c = client_begin(&local);
	struct command python;
	pid_t pid = start_tracer("--json", &c, "/marker");

	xenstore_call(c.xs, XS_READ, XBT_NULL, &(struct iovec){ (void *)(uintptr_t) "/none", 6 }, 1, NULL,
		      NULL);
	write_value(c.xs, "/last", "\001\377\"\\");
	await_text("/last");
	assert_int_equal(stop_tracer(pid, SIGINT), 0);
	client_end(&c);
	assert_non_null(strstr(text, "\"op\": \"ERROR\""));
	assert_non_null(strstr(text, "\"path\": null, \"payload\": \"\", \"error\": \"ENOENT\"}\n"));
	RUN(&python, "python3", "-c",
	    "import json,sys\n"
	    "for line in open(sys.argv[1]):\n"
	    "  o = json.loads(line)\n"
	    "  assert list(o) == ['time','connection','domain','direction','op','req','tx','path','payload','error'], o\n"
	    "assert o['path'] == '/last' or o['op'] == 'WRITE', o\n",
	    output);
	if (python.status == 127)
		skip();
	assert_string_equal(python.err, "");
}

/* -- ends ---------------------------------------------------------------------------------------- */

static void it_ends_after_so_many_lines(void **state)
{
	static const char *const ways[] = { "-n 3", "-n3", "--count 3", "--count=3" };
	struct client c = client_begin(&local);

	for (int i = 0; i < 4; i++) {
		pid_t pid = start_shell("exec \"$0\" store trace %s >\"$1\" 2>&1", ways[i]);
		int status;

		while (waitpid(pid, &status, WNOHANG) == 0)
			assert_int_equal(write_value(c.xs, "/x", "y"), 0);
		assert_int_equal(status, 0);
		read_text(output);
		assert_int_equal(count_text("\n"), 3);
	}
	client_end(&c);
}

static void it_ends_when_nobody_reads_what_it_prints(void **state)
{
	struct client c = client_begin(&local);
	pid_t pid =
		start_shell("(\"$0\" store trace %s 2>\"$1\"; echo $? >\"$2\") | head -n 2 >/dev/null", "");

	do {
		assert_int_equal(write_value(c.xs, "/x", "y"), 0);
		read_text(status_file);
	} while (!*text);
	assert_string_equal(text, "0\n");
	command_wait(pid);
	read_text(output);
	assert_string_equal(text, "");
	client_end(&c);
}

static void it_ends_with_the_store_and_says_so(void **state)
{
	struct client c = client_begin(&local);
	pid_t pid = start_tracer("", &c, "/marker"), store = store_pid();
	struct command up;

	client_end(&c);
	kill(store, SIGKILL);
	assert_int_equal(command_wait(pid), 1);
	read_text(output);
	assert_non_null(strstr(text, "has ended\n"));
	command_wait(store);
	RUN(&up, "xenbus", "up");
	assert_int_equal(up.status, 0);
}

/* One that answers every request with @error; Debian's C xenstored says EINVAL to a CONTROL it does not know. */
static pid_t start_other_store(const char *path, const char *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	char message[WIRE_MESSAGE_MAX];
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
	if (read(peer, message, sizeof(message)) < WIRE_HEADER_SIZE)
		_exit(1);
	wire_header_put(message, XS_ERROR, 1, 0, (uint32_t)strlen(error) + 1);
	strcpy(message + WIRE_HEADER_SIZE, error);
	if (write(peer, message, WIRE_HEADER_SIZE + strlen(error) + 1) < 0)
		_exit(1);
	_exit(read(peer, message, 1) == 0 ? 0 : 1);
}

static void a_store_that_cannot_be_traced_is_told_apart(void **state)
{
	static const char *const said[][2] = { { "EINVAL", "another xenstored" },
					       { "EBUSY", "as many programs" },
					       { "EACCES", "will not be traced: EACCES" } };
	struct command c;
	char path[96];

	snprintf(path, sizeof(path), "%s/other", local.top);
	setenv("XENSTORED_PATH", path, 1);
	for (int i = 0; i < 3; i++) {
		pid_t pid = start_other_store(path, said[i][0]);

		RUN(&c, "xenbus", "store", "trace");
		assert_int_equal(c.status, 1);
		assert_non_null(strstr(c.err, said[i][1]));
		assert_non_null(strstr(c.err, path));
		assert_string_equal(c.out, "");
		assert_int_equal(command_wait(pid), 0);
		unlink(path);
	}
	RUN(&c, "xenbus", "store", "trace");
	unsetenv("XENSTORED_PATH");
	assert_int_equal(c.status, 1);
	assert_non_null(strstr(c.err, "no store at"));
}

static void a_wrong_command_line_is_2(void **state)
{
	static const char *const wrong[][4] = { { NULL },
						{ "other", NULL },
						{ "stats", "-n", "3", NULL },
						{ "stats", "--interval", "86401", NULL },
						{ "stats", "operand", NULL },
						{ "trace", "--path", "relative", NULL },
						{ "trace", "--domain", "32752", NULL },
						{ "trace", "-x", NULL },
						{ "trace", "-n", NULL },
						{ "trace", "-nx", NULL },
						{ "trace", "operand", NULL } };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct command c;

		RUN(&c, "xenbus", "store", wrong[i][0], wrong[i][0] ? wrong[i][1] : NULL,
		    wrong[i][0] && wrong[i][1] ? wrong[i][2] : NULL);
		assert_int_equal(c.status, 2);
		assert_non_null(strstr(c.err, "usage: xenbus store"));
		assert_string_equal(c.out, "");
	}
}

/* -- readers that do not read --------------------------------------------------------------------- */

static long resident_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "VmRSS: %ld", &kib);
	fclose(file);
	return kib;
}

static int open_files(pid_t pid)
{
	char path[64];
	int count = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

struct batch {
	struct xenbus_host *host;
	int left;
};

struct read_request {
	struct xenstore_request req;
	struct batch *batch;
};

static void read_done(struct xenstore_request *req, int error, const char *reply, size_t len)
{
	struct batch *batch = ((struct read_request *)req)->batch;

	if (!--batch->left)
		xenbus_host_stop(batch->host, 0);
}

enum { MANY = 100000, AT_ONCE = 500 };

/* Reads: two lines each. */
static void read_many(struct client *c, int count)
{
	static struct read_request request[AT_ONCE];
	const struct iovec iov = { (void *)(uintptr_t) "/many", 6 };

	for (int done = 0; done < count; done += AT_ONCE) {
		struct batch batch = { .host = c->host, .left = AT_ONCE };

		for (int i = 0; i < AT_ONCE; i++) {
			request[i] = (struct read_request){ .req.done = read_done, .batch = &batch };
			assert_int_equal(xenstore_submit(c->xs, &request[i].req, XS_READ, XBT_NULL, &iov, 1),
					 0);
		}
		xenbus_host_run(c->host);
	}
}

/* Every message is a line, or counted among the lost. */
static uint64_t lines_and_losses(uint64_t *lost)
{
	uint64_t lines = 0, n;

	*lost = 0;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (sscanf(line, "%*d %*s LOST %" SCNu64, &n) == 1)
			*lost += n;
		else
			lines += strstr(line, " READ ") != NULL;
	}
	return lines;
}

static void a_reader_that_stops_costs_a_bound_and_is_told_what_it_missed(void **state)
{
	struct client c = client_begin(&local);
	pid_t pid, store = store_pid();
	uint64_t lines, lost;
	long before;

	read_many(&c, 1000);
	pid = start_tracer("--path /many", &c, "/many");
	before = resident_kib(store);
	kill(pid, SIGSTOP);
	read_many(&c, MANY);
	/* A ring is 256 KiB, the lines are 10 MiB and more; an allocator that keeps what was freed has its part. */
	assert_true(resident_kib(store) - before <= 4096);
	kill(pid, SIGCONT);
	/* The gap is told once half of what it was sent is taken. */
	await_text("LOST");
	assert_int_equal(write_value(c.xs, "/many", "end"), 0);
	await_text("end");
	assert_int_equal(stop_tracer(pid, SIGINT), 0);
	lines = lines_and_losses(&lost);
	print_message("%d requests: %" PRIu64 " lines, %" PRIu64 " lost\n", MANY, lines, lost);
	assert_true(lost > 0 && lines > 1000);
	assert_int_equal(lines + lost, 2 * MANY);
	client_end(&c);
}

static void a_reader_that_is_killed_leaves_nothing(void **state)
{
	struct client c = client_begin(&local);
	pid_t store = store_pid();
	int before;

	assert_int_equal(write_value(c.xs, "/x", "y"), 0);
	before = open_files(store);
	for (int i = 0; i < 10; i++) { /* more than may read at once */
		pid_t pid = start_tracer("", &c, "/marker");

		if (i % 2)
			kill(pid, SIGSTOP);
		read_many(&c, 2000);
		assert_int_equal(stop_tracer(pid, SIGKILL), 128 + SIGKILL);
		while (open_files(store) > before)
			assert_int_equal(write_value(c.xs, "/x", "y"), 0);
	}
	assert_int_equal(open_files(store), before);
	client_end(&c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_operations_of_all_clients_are_printed),
		cmocka_unit_test(filters_let_through_what_they_say),
		cmocka_unit_test(bytes_of_a_guest_are_escaped),
		cmocka_unit_test(json_is_an_object_a_line),
		cmocka_unit_test(it_ends_after_so_many_lines),
		cmocka_unit_test(it_ends_when_nobody_reads_what_it_prints),
		cmocka_unit_test(it_ends_with_the_store_and_says_so),
		cmocka_unit_test(a_store_that_cannot_be_traced_is_told_apart),
		cmocka_unit_test(a_wrong_command_line_is_2),
		cmocka_unit_test(a_reader_that_stops_costs_a_bound_and_is_told_what_it_missed),
		cmocka_unit_test(a_reader_that_is_killed_leaves_nothing),
	};
	int status;

	if (argc == 4 && !strcmp(argv[1], "guest"))
		return guest_main(argv[2], argv[3]);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	command_path("xenbus", xenbus, sizeof(xenbus));
	command_adopt_orphans();
	text = malloc(TEXT_MAX);
	status = text ? cmocka_run_group_tests(tests, make_world, end_world) : 1;
	free(text);
	return status;
}
