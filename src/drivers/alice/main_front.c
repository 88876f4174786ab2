/* SPDX-License-Identifier: MIT */
/* alice-front: sends a file to whatever backend the toolstack attaches. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <base/list.h>
#include "common.h"
#include "front.h"
#include "program.h"
#include "protocol.h"

#define CLOSE_WAIT_NS UINT64_C(5000000000) /* for the backend to follow us to Closed */

static const char usage[] =
	"usage: alice-front [OPTION]...\n"
	"The frontend driver of the device class alice_dev. Says hello to the backend, and sends it a file.\n"
	"\n"
	"  -f, --file FILE     what to send; without it hello is all\n"
	"  -p, --pages N       data pages to share, 1..256 (default 64)\n"
	"  -n, --no-digest     neither end hashes\n"
	"  -1, --once          close the device when the stream is over, and exit: 0 it arrived, 1 it did not\n"
	"  -r, --result FILE   write what became of the stream, KEY=VALUE a line\n"
	"  -t, --trace FILE    at the end write the bus's trace, JSON, for xenbus timeline\n"
	"  -q, --quiet         log errors only\n"
	"  -h, --help          this\n"
	"\n"
	"The world is XENBUS_DOMAIN_FD's (local) or the machine's (Xen). SIGTERM and SIGINT end it.\n";

struct options {
	struct program program; /* first: the bus's callbacks get it */
	const char *file, *result;
	unsigned int pages;
	bool no_digest, once;
	struct xenbus_device *closing; /* --once: the stream is over; waited for until Closed */
	int status;
	struct xenbus_timer patience;
};

static void stop_now(struct xenbus_timer *timer)
{
	struct options *o = list_entry(timer, struct options, patience);

	xenbus_stop(o->program.bus, o->status);
}

static void write_result(const struct options *o, const struct alice_front_result *r)
{
	char sent[65] = "", stored[65] = "";
	int err;

	if (r->has_digest) {
		alice_hex(sent, r->sent_digest);
		alice_hex(stored, r->stored_digest);
	}
	err = program_write_file(
		o->result,
		"error=%d\nbytes_sent=%llu\nbytes_stored=%llu\nduration_ns=%llu\nrequests=%llu\n"
		"notifications=%llu\nwakeups=%llu\npages=%u\nsha256_sent=%s\nsha256_stored=%s\n",
		-r->error, (unsigned long long)r->bytes_sent, (unsigned long long)r->bytes_stored,
		(unsigned long long)r->duration_ns, (unsigned long long)r->requests,
		(unsigned long long)r->notifications, (unsigned long long)r->wakeups, r->pages, sent, stored);
	if (err)
		fprintf(stderr, "alice-front: cannot write %s: %s\n", o->result, strerror(-err));
}

/* A connection that broke is no verdict: the next one starts again. */
static void done(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result)
{
	struct options *o = ctx;

	if (o->result)
		write_result(o, result);
	if (!o->once || result->error == -ECONNRESET)
		return;
	o->closing = dev;
	o->status = result->error ? 1 : 0;
	o->patience.fire = stop_now;
	xenbus_timer_set(o->program.host, &o->patience, xenbus_host_now(o->program.host) + CLOSE_WAIT_NS);
	xenbus_close_device(dev);
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
		{ "file", required_argument, NULL, 'f' },
		{ "pages", required_argument, NULL, 'p' },
		{ "no-digest", no_argument, NULL, 'n' },
		{ "once", no_argument, NULL, '1' },
		{ "result", required_argument, NULL, 'r' },
		{ "trace", required_argument, NULL, 't' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "f:p:n1r:t:qh", names, NULL)) != -1) {
		if (c == 'f')
			o->file = optarg;
		else if (c == 'p' &&
			 !program_number("alice-front", "--pages", optarg, 1, ALICE_MAX_PAGES, &o->pages))
			return 2;
		else if (c == 'n')
			o->no_digest = true;
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
	fprintf(stderr, "alice-front: '%s' is not an option; the file is given with --file\n%s", argv[optind],
		usage);
	return 2;
}

static int run(struct options *o, int fd)
{
	const struct alice_front_config config = {
		.host = o->program.host,
		.fd = fd,
		.pages = o->pages,
		.no_digest = o->no_digest,
		.done = done,
		.ctx = o,
	};
	struct alice_front *front = NULL;
	int err = alice_front_start(o->program.bus, &config, &front), status = 1;

	if (err)
		fprintf(stderr, "alice-front: %s: %s\n", o->file && err == -EINVAL ? o->file : "cannot start",
			err == -EINVAL ? "not a file with positions" : strerror(-err));
	else
		status = program_run(&o->program);
	o->closing = NULL;
	xenbus_timer_cancel(o->program.host, &o->patience);
	program_close_bus(&o->program);
	alice_front_free(front);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = { .program.name = "alice-front" };
	int fd = -1, status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	if (o.file)
		fd = open(o.file, O_RDONLY | O_CLOEXEC);
	if (o.file && fd < 0) {
		fprintf(stderr, "alice-front: %s: %s\n", o.file, strerror(errno));
		return 2;
	}
	status = program_open(&o.program, changed, &o);
	if (!status) {
		status = run(&o, fd);
		program_close(&o.program);
	}
	if (fd >= 0)
		close(fd);
	return status;
}
