/* SPDX-License-Identifier: MIT */
/* alice-back: receives what the frontends send that the toolstack attaches. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "back.h"
#include "common.h"
#include "program.h"
#include "protocol.h"

static const char usage[] =
	"usage: alice-back [OPTION]...\n"
	"The backend driver of the device class alice_dev. Answers hello, and receives a stream.\n"
	"\n"
	"  -o, --output FILE   where the stream goes (made, or cut); without it its bytes are counted and dropped\n"
	"  -p, --pages N       data pages a frontend may share, 1..256 (default 256)\n"
	"  -s, --flush         a stream is stored when it is on the medium\n"
	"  -n, --no-stream     do not offer feature-stream: hello is all\n"
	"  -1, --once          exit when a stream is over and its device closed: 0 it arrived, 1 it did not\n"
	"  -r, --result FILE   write what became of the stream, KEY=VALUE a line\n"
	"  -t, --trace FILE    at the end write the bus's trace, JSON, for xenbus timeline\n"
	"  -q, --quiet         log errors only\n"
	"  -h, --help          this\n"
	"\n"
	"The world is XENBUS_DOMAIN_FD's (local) or the machine's (Xen). SIGTERM and SIGINT end it.\n";

struct options {
	struct program program; /* first: the bus's callbacks get it */
	const char *output, *result;
	unsigned int pages;
	bool flush, no_stream, once;
	struct xenbus_device *closing; /* --once: its stream is over; waited for until Closed */
	int fd, status;
};

static void write_result(const struct options *o, const struct alice_back_result *r)
{
	char hex[65] = "";
	int err;

	if (r->has_digest)
		alice_hex(hex, r->digest);
	err = program_write_file(
		o->result,
		"error=%d\nbytes=%llu\nduration_ns=%llu\nrequests=%llu\nnotifications=%llu\nwakeups=%llu\n"
		"sha256=%s\n",
		-r->error, (unsigned long long)r->bytes, (unsigned long long)r->duration_ns,
		(unsigned long long)r->requests, (unsigned long long)r->notifications,
		(unsigned long long)r->wakeups, hex);
	if (err)
		fprintf(stderr, "alice-back: cannot write %s: %s\n", o->result, strerror(-err));
}

/* A connection that broke is no verdict: the next one starts again. */
static void done(void *ctx, struct xenbus_device *dev, const struct alice_back_result *result)
{
	struct options *o = ctx;

	/* An earlier stream may have been longer. */
	if (o->fd >= 0 && !result->error && ftruncate(o->fd, (off_t)result->bytes))
		fprintf(stderr, "alice-back: cannot cut %s: %s\n", o->output, strerror(errno));
	if (o->result)
		write_result(o, result);
	if (!o->once || result->error == -ECONNRESET)
		return;
	o->closing = dev;
	o->status = result->error ? 1 : 0;
}

static void changed(void *ctx, struct xenbus_device *dev)
{
	struct options *o = ctx;

	if (dev && dev == o->closing && dev->state == XenbusStateClosed)
		xenbus_stop(o->program.bus, o->status);
}

/* -1: go on; else the exit status. */
static int parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "output", required_argument, NULL, 'o' }, { "pages", required_argument, NULL, 'p' },
		{ "flush", no_argument, NULL, 's' },	    { "no-stream", no_argument, NULL, 'n' },
		{ "once", no_argument, NULL, '1' },	    { "result", required_argument, NULL, 'r' },
		{ "trace", required_argument, NULL, 't' },  { "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },	    { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "o:p:sn1r:t:qh", names, NULL)) != -1) {
		if (c == 'o')
			o->output = optarg;
		else if (c == 'p' &&
			 !program_number("alice-back", "--pages", optarg, 1, ALICE_MAX_PAGES, &o->pages))
			return 2;
		else if (c == 's')
			o->flush = true;
		else if (c == 'n')
			o->no_stream = true;
		else if (c == '1')
			o->once = true;
		else if (c == 'r')
			o->result = optarg;
		else if (c == 't')
			o->program.trace_path = optarg;
		else if (c == 'q')
			o->program.quiet = true;
		else if (c == 'h')
			return fputs(usage, stdout) < 0;
		else if (c == '?')
			return fputs(usage, stderr), 2;
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "alice-back: '%s' is not an option; the file is given with --output\n%s",
		argv[optind], usage);
	return 2;
}

static int run(struct options *o)
{
	const struct alice_back_config config = {
		.host = o->program.host,
		.fd = o->fd,
		.flush = o->flush,
		.no_stream = o->no_stream,
		.pages = o->pages,
		.done = done,
		.ctx = o,
	};
	struct alice_back *back = NULL;
	int err = alice_back_start(o->program.bus, &config, &back), status = 1;

	if (err)
		fprintf(stderr, "alice-back: %s: %s\n",
			o->output && err == -EINVAL ? o->output : "cannot start",
			err == -EINVAL ? "not a file with positions" : strerror(-err));
	else
		status = program_run(&o->program);
	o->closing = NULL;
	program_close_bus(&o->program);
	alice_back_free(back);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = { .program.name = "alice-back", .fd = -1 };
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	if (o.output)
		o.fd = open(o.output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (o.output && o.fd < 0) {
		fprintf(stderr, "alice-back: %s: %s\n", o.output, strerror(errno));
		return 2;
	}
	status = program_open(&o.program, changed, &o);
	if (!status) {
		status = run(&o);
		program_close(&o.program);
	}
	if (o.fd >= 0)
		close(o.fd);
	return status;
}
