/* SPDX-License-Identifier: MIT */
/*
 * load SOCKET OPERATION COUNT DEPTH NODES: requests over a xenstored's unix socket, any xenstored's.
 *
 *   prepare: NODES nodes of 16 bytes below /bench, 32 children below /bench/dir
 *   measure: COUNT rounds of the operation, DEPTH of them in each write to the socket
 *
 * Prints one line of JSON: what was sent between the two clock readings, and how long rounds took.
 * The preparation is the same for every COUNT, so whoever counts the server's instructions or system
 * calls runs this twice and takes the difference.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#define CHILDREN 32
#define OUT_MAX (64 * 1024)

struct load {
	int fd;
	unsigned int nodes;
	uint64_t requests; /* sent */
	uint64_t replies;  /* received; events are not counted */
	uint64_t events;
	uint32_t last_type;
	char last[4097]; /* payload of the last reply, NUL behind it */
	char out[OUT_MAX];
	size_t out_used;
	char in[OUT_MAX];
	size_t in_used;
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("load: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void load_connect(struct load *l, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		die("%s: path too long", path);
	strcpy(address.sun_path, path);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("%s: %s", path, strerror(errno));
}

static void load_flush(struct load *l)
{
	for (size_t done = 0; done < l->out_used;) {
		ssize_t n = write(l->fd, l->out + done, l->out_used - done);

		if (n <= 0)
			die("write: %s", strerror(errno));
		done += (size_t)n;
	}
	l->out_used = 0;
}

/* Queues a request. Sent by load_flush() or when the buffer is full. */
static void load_send(struct load *l, uint32_t op, uint32_t tx, const void *payload, size_t len)
{
	struct xsd_sockmsg header = { op, (uint32_t)l->requests, tx, (uint32_t)len };

	if (l->out_used + sizeof(header) + len > sizeof(l->out))
		load_flush(l);
	memcpy(l->out + l->out_used, &header, sizeof(header));
	memcpy(l->out + l->out_used + sizeof(header), payload, len);
	l->out_used += sizeof(header) + len;
	l->requests++;
}

/* Takes one whole message from the input, if there is one. */
static bool load_take(struct load *l)
{
	struct xsd_sockmsg header;

	if (l->in_used < sizeof(header))
		return false;
	memcpy(&header, l->in, sizeof(header));
	if (header.len > XENSTORE_PAYLOAD_MAX)
		die("a reply of %u bytes", header.len);
	if (l->in_used < sizeof(header) + header.len)
		return false;
	memcpy(l->last, l->in + sizeof(header), header.len);
	l->last[header.len] = '\0';
	l->last_type = header.type;
	l->in_used -= sizeof(header) + header.len;
	memmove(l->in, l->in + sizeof(header) + header.len, l->in_used);
	if (header.type == XS_WATCH_EVENT)
		l->events++;
	else
		l->replies++;
	if (header.type == XS_ERROR)
		die("request %u: %s", header.req_id, l->last);
	return true;
}

/* Flushes, then reads until every request has its reply, and @events events have come in all. */
static void load_settle(struct load *l, uint64_t events)
{
	load_flush(l);
	while (l->replies < l->requests || l->events < events) {
		ssize_t n;

		if (load_take(l))
			continue;
		n = read(l->fd, l->in + l->in_used, sizeof(l->in) - l->in_used);
		if (n <= 0)
			die("read: %s", n ? strerror(errno) : "the server closed the connection");
		l->in_used += (size_t)n;
	}
}

static void send_path(struct load *l, uint32_t op, uint32_t tx, const char *path)
{
	load_send(l, op, tx, path, strlen(path) + 1);
}

static void send_write(struct load *l, uint32_t tx, const char *path)
{
	char payload[128];
	size_t len = strlen(path) + 1;

	memcpy(payload, path, len);
	memcpy(payload + len, "sixteen bytes...", 16);
	load_send(l, XS_WRITE, tx, payload, len + 16);
}

static const char *node(const struct load *l, uint64_t i, char *buf, size_t size)
{
	snprintf(buf, size, "/bench/n%llu", (unsigned long long)(i % l->nodes));
	return buf;
}

static void prepare(struct load *l)
{
	char path[64];

	for (unsigned int i = 0; i < l->nodes; i++) {
		send_write(l, 0, node(l, i, path, sizeof(path)));
		if (i % 64 == 63)
			load_settle(l, 0);
	}
	for (unsigned int i = 0; i < CHILDREN; i++) {
		snprintf(path, sizeof(path), "/bench/dir/child%u", i);
		send_write(l, 0, path);
	}
	load_settle(l, 0);
}

/* -- one round of each operation: queues requests; those that depend on a reply settle themselves ------- */

static void round_read(struct load *l, uint64_t i)
{
	char path[64];

	send_path(l, XS_READ, 0, node(l, i * 7, path, sizeof(path)));
}

static void round_write(struct load *l, uint64_t i)
{
	char path[64];

	send_write(l, 0, node(l, i * 7, path, sizeof(path)));
}

static void round_directory(struct load *l, uint64_t i)
{
	send_path(l, XS_DIRECTORY, 0, "/bench/dir");
}

static void round_create(struct load *l, uint64_t i)
{
	send_write(l, 0, "/bench/new");
	send_path(l, XS_RM, 0, "/bench/new");
}

static void round_transaction(struct load *l, uint64_t i)
{
	char path[64];
	uint32_t tx;

	load_send(l, XS_TRANSACTION_START, 0, "", 1);
	load_settle(l, 0);
	tx = (uint32_t)strtoul(l->last, NULL, 10);
	for (uint64_t j = 0; j < 4; j++) {
		send_path(l, XS_READ, tx, node(l, i * 8 + j, path, sizeof(path)));
		send_write(l, tx, node(l, i * 8 + 4 + j, path, sizeof(path)));
	}
	load_send(l, XS_TRANSACTION_END, tx, "T", 2);
	load_settle(l, 0);
}

static const struct operation {
	const char *name;
	void (*round)(struct load *l, uint64_t i);
	bool watched; /* one watch on /bench: each round fires one event */
} operations[] = {
	{ "read", round_read, false },
	{ "write", round_write, false },
	{ "write-watched", round_write, true },
	{ "directory", round_directory, false },
	{ "create-remove", round_create, false },
	{ "transaction", round_transaction, false },
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Runs the rounds; the result line says what they were and took. */
static void measure(struct load *l, const struct operation *op, uint64_t count, uint64_t depth)
{
	uint64_t batches = (count + depth - 1) / depth, start, end, before, events = 0;
	uint64_t *took = calloc(batches + 1, sizeof(*took));

	if (!took)
		die("out of memory");
	if (op->watched) {
		load_send(l, XS_WATCH, 0, "/bench\0token", 13);
		load_settle(l, ++events);
	}
	before = l->requests;
	start = end = now_ns();
	for (uint64_t i = 0, batch = 0; i < count; batch++) {
		uint64_t began = end, upto = i + depth < count ? i + depth : count;

		if (op->watched)
			events += upto - i;
		for (; i < upto; i++)
			op->round(l, i);
		load_settle(l, events);
		end = now_ns();
		took[batch] = end - began;
	}
	qsort(took, batches, sizeof(*took), by_value);
	printf("{\"operation\": \"%s\", \"rounds\": %llu, \"requests\": %llu, \"events\": %llu, \"seconds\": %.6f, "
	       "\"batch_p50_us\": %.1f, \"batch_p99_us\": %.1f}\n",
	       op->name, (unsigned long long)count, (unsigned long long)(l->requests - before),
	       (unsigned long long)l->events, (double)(end - start) / 1e9, (double)took[batches / 2] / 1e3,
	       (double)took[batches * 99 / 100] / 1e3);
	free(took);
}

static uint64_t number(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end || value < min || value > max)
		die("%s: not a number from %llu to %llu", text, (unsigned long long)min,
		    (unsigned long long)max);
	return value;
}

int main(int argc, char **argv)
{
	static struct load l;

	if (argc != 6)
		die("usage: load SOCKET OPERATION COUNT DEPTH NODES");
	l.nodes = (unsigned int)number(argv[5], 8, 10000000);
	load_connect(&l, argv[1]);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(operations[i].name, argv[2]) == 0) {
			prepare(&l);
			measure(&l, &operations[i], number(argv[3], 0, 100000000), number(argv[4], 1, 256));
			close(l.fd);
			return 0;
		}
	}
	die("unknown operation '%s'", argv[2]);
}
