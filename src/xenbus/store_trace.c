/* SPDX-License-Identifier: MIT */
/*
 * Reading along with xenstored: CONTROL "trace" on its socket, whose answer is followed by lines instead of
 * messages (xenstored(8)). They are printed as they come, or as JSON.
 */
#include "store_trace.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <base/list.h>
#include <xenbus/host.h>
#include <xenbus/wire.h>

#include "cli.h"
#include "store_line.h"
#include "world.h"

#define BUFFER 65536u /* bytes; more than the longest line, every byte of its payload escaped */

struct tracer {
	struct xenbus_host *host;
	struct xenbus_source stream, signals;
	const char *where; /* the socket's path */
	bool json;
	uint32_t left; /* lines; 0: no limit */
	bool accepted;
	size_t used;
	char in[BUFFER];
};

static const char details[] =
	"Each line is a message: the time (UTC), IN (a request) or OUT (a reply or event), the connection (dN: domain N's\n"
	"ring, sN: a socket, that is domain 0), the operation, request/transaction, and the payload: NUL as |, what is not\n"
	"printable ASCII as \\xHH. LOST N stands for N messages that were more than this program could take.\n"
	"With --path only operations that name a path, the answers to them, and events are printed.\n";

/* -- what comes --------------------------------------------------------------------------------- */

static int refused(const struct tracer *t, const char *error)
{
	if (!strcmp(error, "EINVAL"))
		return cli_fail(
			"the store at %s cannot be traced: it is another xenstored than this project's, or an "
			"older one",
			t->where);
	if (!strcmp(error, "EBUSY"))
		return cli_fail("the store at %s: as many programs trace it as it lets", t->where);
	return cli_fail("the store at %s will not be traced: %.64s", t->where, error);
}

/* The answer to our request, once it is there. Returns 0; CLI_FAILURE: said why it was no. */
static int take_answer(struct tracer *t)
{
	struct xsd_sockmsg header;
	char error[64] = "";

	if (t->used < WIRE_HEADER_SIZE)
		return 0;
	wire_header_get(t->in, &header);
	if (header.len > WIRE_PAYLOAD_MAX)
		return cli_fail("the store at %s does not speak XenStore's protocol", t->where);
	if (t->used < WIRE_HEADER_SIZE + header.len)
		return 0;
	if (header.type != XS_CONTROL) {
		snprintf(error, sizeof(error), "%.*s", (int)header.len, t->in + WIRE_HEADER_SIZE);
		return refused(t, error);
	}
	t->accepted = true;
	t->used -= WIRE_HEADER_SIZE + header.len;
	memmove(t->in, t->in + WIRE_HEADER_SIZE + header.len, t->used);
	return 0;
}

static void print_text(const char *line)
{
	for (; *line; line++)
		putchar(*line >= 0x20 && *line < 0x7f ? *line : '?');
	putchar('\n');
}

static int print_line(const struct tracer *t, char *line)
{
	struct store_line parsed;

	if (!t->json)
		print_text(line);
	else if (store_line_parse(line, &parsed))
		return cli_fail("the store at %s sent what is no line of a trace", t->where);
	else
		store_line_json(&parsed);
	return 0;
}

/* Whole lines; the rest stays. Returns -1: go on, or the exit status. */
static int take_lines(struct tracer *t)
{
	char *line = t->in, *end;
	int status = -1;

	while (status < 0 && (end = memchr(line, '\n', t->used - (size_t)(line - t->in)))) {
		*end = '\0';
		if (print_line(t, line))
			status = CLI_FAILURE;
		else if (t->left && !--t->left)
			status = 0;
		line = end + 1;
	}
	t->used -= (size_t)(line - t->in);
	memmove(t->in, line, t->used);
	if (status < 0 && t->used == BUFFER)
		status = cli_fail("the store at %s sent a line without an end", t->where);
	/* Whoever read this has what it wanted. */
	if (fflush(stdout))
		status = errno == EPIPE ? 0 : cli_fail("standard output: %s", strerror(errno));
	return status;
}

static void stream_ready(struct xenbus_source *source, unsigned int events)
{
	struct tracer *t = list_entry(source, struct tracer, stream);
	ssize_t n = xenbus_stream_recv(t->host, source->fd, t->in + t->used, BUFFER - t->used);
	int status = -1;

	if (n == -EAGAIN)
		return;
	if (n > 0) {
		t->used += (size_t)n;
		if (!t->accepted && take_answer(t))
			status = CLI_FAILURE;
		if (t->accepted)
			status = take_lines(t);
	} else {
		status = cli_fail("the store at %s has ended", t->where);
	}
	if (status >= 0)
		xenbus_host_stop(t->host, status);
}

static void signal_ready(struct xenbus_source *source, unsigned int events)
{
	xenbus_host_stop(list_entry(source, struct tracer, signals)->host, 0);
}

/* -- asking ------------------------------------------------------------------------------------- */

struct wanted {
	const char *run_dir, *path;
	uint32_t domid; /* UINT32_MAX: any */
};

static size_t put_string(char *to, const char *string)
{
	return (size_t)(stpcpy(to, string) - to) + 1;
}

static int ask(struct tracer *t, int fd, const struct wanted *wanted)
{
	char message[WIRE_MESSAGE_MAX], number[16];
	size_t len = WIRE_HEADER_SIZE;
	ssize_t n;

	len += put_string(message + len, "trace");
	if (wanted->domid != UINT32_MAX) {
		snprintf(number, sizeof(number), "%u", wanted->domid);
		len += put_string(message + len, "domain");
		len += put_string(message + len, number);
	}
	if (wanted->path) {
		len += put_string(message + len, "path");
		len += put_string(message + len, wanted->path);
	}
	wire_header_put(message, XS_CONTROL, 1, 0, (uint32_t)(len - WIRE_HEADER_SIZE));
	n = xenbus_stream_send(t->host, fd, message, len);
	if (n == (ssize_t)len)
		return 0;
	return cli_fail("the store at %s: %s", t->where, n < 0 ? strerror((int)-n) : "it takes nothing");
}

static int watch_signals(struct tracer *t, int *fd)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a write says so */
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	t->signals.ready = signal_ready;
	err = *fd < 0 ? -errno : xenbus_source_add(t->host, &t->signals, *fd, XENBUS_SOURCE_READ);
	return err ? cli_fail("signals: %s", strerror(-err)) : 0;
}

static int read_along(struct tracer *t, const struct wanted *wanted)
{
	int fd = xenbus_stream_connect(t->host, t->where), signals = -1, status, err;

	if (fd < 0)
		return world_no_store(fd, NULL);
	status = ask(t, fd, wanted);
	if (!status)
		status = watch_signals(t, &signals);
	t->stream.ready = stream_ready;
	err = status ? 0 : xenbus_source_add(t->host, &t->stream, fd, XENBUS_SOURCE_READ);
	if (err)
		status = cli_fail("the store at %s: %s", t->where, strerror(-err));
	if (!status)
		status = xenbus_host_run(t->host);
	xenbus_source_remove(t->host, &t->stream);
	xenbus_source_remove(t->host, &t->signals);
	if (signals >= 0)
		close(signals);
	xenbus_stream_close(t->host, fd);
	return status < 0 ? cli_fail("%s", strerror(-status)) : status;
}

static int trace(const struct wanted *wanted, bool json, uint32_t count)
{
	struct tracer *t = calloc(1, sizeof(*t));
	char path[PATH_MAX];
	int status = t ? xenbus_host_new(&t->host) : -ENOMEM;

	if (status) {
		free(t);
		return cli_fail("%s", strerror(-status));
	}
	t->where = path;
	t->json = json;
	t->left = count;
	status = world_store_path(wanted->run_dir, path, sizeof(path));
	if (!status)
		status = read_along(t, wanted);
	xenbus_host_free(t->host);
	free(t);
	return status;
}

/* "/a/" is what a shell's completion makes of "/a". */
static int check_path(struct wanted *wanted, char buf[WIRE_ABS_PATH_MAX + 1])
{
	size_t len = wanted->path ? strlen(wanted->path) : 0;
	int kind;

	if (!wanted->path)
		return 0;
	while (len > 1 && wanted->path[len - 1] == '/')
		len--;
	kind = wire_path_check(wanted->path, len);
	if (kind != WIRE_PATH_ABSOLUTE && kind != WIRE_PATH_SPECIAL)
		return -EINVAL;
	memcpy(buf, wanted->path, len);
	buf[len] = '\0';
	wanted->path = buf;
	return 0;
}

int store_trace(const struct cli_command *command, int argc, char **argv)
{
	struct wanted wanted = { .domid = UINT32_MAX };
	char path[WIRE_ABS_PATH_MAX + 1];
	bool json = false;
	uint32_t count = 0;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&wanted.run_dir),
		{ .name = "domain",
		  .value = "N",
		  .kind = CLI_DOMID,
		  .out = &wanted.domid,
		  .help = "only what this domain asks and is told; 0: the sockets, too" },
		{ .name = "path",
		  .value = "PATH",
		  .kind = CLI_STRING,
		  .out = &wanted.path,
		  .help = "only what concerns this path or one below it" },
		{ .name = "count",
		  .value = "LINES",
		  .kind = CLI_NUMBER,
		  .out = &count,
		  .max = UINT32_MAX,
		  .letter = 'n',
		  .help = "end after so many [0: do not]" },
		{ .name = "json", .kind = CLI_FLAG, .out = &json, .help = "an object a line, for programs" },
		{ 0 },
	};
	struct cli_operands operands;
	int status = cli_parse(command, options, details, argc, argv, 0, 0, &operands);

	if (status >= 0)
		return status;
	if (check_path(&wanted, path))
		return cli_usage_error(command, options,
				       "--path: '%s': PATH must be a path of the store, from its root",
				       wanted.path);
	return trace(&wanted, json, count);
}
