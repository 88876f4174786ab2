/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

enum {
	LOST_LINE_MAX = 80,
	LINE_MIN = 40,	       /* bytes of a line beside its payload, at least */
	BYTES_A_FLUSH = 65536, /* so that a fast reader does not hold a round either */
};

struct tap {
	struct taps *taps;
	struct list all;
	struct xenbus_source source;
	int fd; /* a stream; -1: not started */
	char who[16];
	struct tap_filter filter;
	char path[WIRE_ABS_PATH_MAX];
	bool asked; /* the last request was one it is told of, so it gets the answer, too */
	bool waits; /* for room in the stream */
	uint64_t lost;
	size_t start, used;
	char ring[TAP_BUFFER];
};

/* -- what is wanted ------------------------------------------------------------------------------ */

static int take_path(struct tap_filter *out, const char *path, size_t len)
{
	int kind = wire_path_check(path, len);

	if (kind != WIRE_PATH_ABSOLUTE && kind != WIRE_PATH_SPECIAL)
		return -EINVAL;
	out->path = path;
	out->path_len = len;
	return 0;
}

static int take_domain(struct tap_filter *out, const char *text, size_t len)
{
	uint64_t domid;

	if (wire_number(text, len, UINT16_MAX, &domid))
		return -EINVAL;
	out->by_domain = true;
	out->domid = (uint32_t)domid;
	return 0;
}

int tap_filter_parse(struct wire_strings args, struct tap_filter *out)
{
	const char *word, *value;
	size_t word_len, len;
	int err = 0;

	*out = (struct tap_filter){ 0 };
	while (!err && (word = wire_next_string(&args, &word_len))) {
		value = wire_next_string(&args, &len);
		if (value && !out->by_domain && !strcmp(word, "domain"))
			err = take_domain(out, value, len);
		else if (value && !out->path && !strcmp(word, "path"))
			err = take_path(out, value, len);
		else
			err = -EINVAL;
	}
	return err || args.left ? -EINVAL : 0;
}

/* Malformed paths lie nowhere. */
static bool concerns_path(const struct tap *tap, const struct trace_message *message)
{
	struct wire_strings strings = { message->payload, message->len };
	char buf[WIRE_ABS_PATH_MAX];
	const char *path, *canonical;
	size_t len, canonical_len;

	if (!wire_op_has_path(message->op))
		return false;
	path = wire_next_string(&strings, &len);
	return path && wire_path_canonical(path, len, message->domid, buf, &canonical, &canonical_len) >= 0 &&
	       wire_path_is_under(canonical, canonical_len, tap->path, tap->filter.path_len);
}

static bool wants(struct tap *tap, const struct trace_message *message, bool is_answer)
{
	bool concerned;

	if (tap->filter.by_domain && tap->filter.domid != message->domid)
		return false;
	if (!tap->filter.path)
		return true;
	if (is_answer)
		return tap->asked;
	concerned = concerns_path(tap, message);
	if (!message->out)
		tap->asked = concerned;
	return concerned;
}

/* -- the ring ------------------------------------------------------------------------------------ */

static void append(struct tap *tap, const char *bytes, size_t len)
{
	size_t end = (tap->start + tap->used) % TAP_BUFFER;
	size_t first = len < TAP_BUFFER - end ? len : TAP_BUFFER - end;

	memcpy(tap->ring + end, bytes, first);
	memcpy(tap->ring, bytes + first, len - first);
	tap->used += len;
}

/* Once something is lost, more is until half of the ring is free: a gap is one gap. */
static void tell_lost(struct tap *tap)
{
	char line[LOST_LINE_MAX];
	size_t len;

	if (!tap->lost || tap->used > TAP_BUFFER / 2)
		return;
	len = trace_stamp(line, xenbus_host_wallclock(tap->taps->host));
	len += (size_t)sprintf(line + len, "LOST %" PRIu64 "\n", tap->lost);
	append(tap, line, len);
	tap->lost = 0;
}

static bool has_room(struct tap *tap, size_t len)
{
	tell_lost(tap);
	return !tap->lost && TAP_BUFFER - tap->used >= len;
}

void taps_message(struct taps *taps, const struct trace_message *message, bool is_answer)
{
	size_t len = 0;

	list_for_each (pos, &taps->all) {
		struct tap *tap = list_entry(pos, struct tap, all);

		if (!wants(tap, message, is_answer))
			continue;
		/* Who has no room for it anyway does not cost the making of a line. */
		if (!has_room(tap, LINE_MIN + message->len)) {
			tap->lost++;
			continue;
		}
		if (len == 0)
			len = trace_line(taps->line, xenbus_host_wallclock(taps->host), message);
		if (has_room(tap, len))
			append(tap, taps->line, len);
		else
			tap->lost++;
	}
}

/* -- the stream ---------------------------------------------------------------------------------- */

void tap_free(struct tap *tap)
{
	if (!tap)
		return;
	tap->taps->count--;
	if (!list_empty(&tap->all))
		tap->taps->listening--;
	list_del(&tap->all);
	if (tap->fd >= 0) {
		xenbus_source_remove(tap->taps->host, &tap->source);
		xenbus_stream_close(tap->taps->host, tap->fd);
	}
	free(tap);
}

static void end(struct tap *tap)
{
	log_line(tap->taps->log, LOG_DEBUG, "%s: reads along no more", tap->who);
	tap_free(tap);
}

static void wait_for_room(struct tap *tap, bool waits)
{
	if (tap->waits != waits &&
	    !xenbus_source_modify(tap->taps->host, &tap->source, waits ? XENBUS_SOURCE_WRITE : 0))
		tap->waits = waits;
}

/* Flushing is the round's business; here we only hear that it may go on. */
static void tap_ready(struct xenbus_source *source, unsigned int events)
{
	struct tap *tap = list_entry(source, struct tap, source);

	if (events & XENBUS_SOURCE_HANGUP)
		end(tap);
	else if (events & XENBUS_SOURCE_WRITE)
		wait_for_room(tap, false);
}

static void flush(struct tap *tap)
{
	size_t len = tap->used < TAP_BUFFER - tap->start ? tap->used : TAP_BUFFER - tap->start;
	ssize_t n;

	n = xenbus_stream_send(tap->taps->host, tap->fd, tap->ring + tap->start,
			       len < BYTES_A_FLUSH ? len : BYTES_A_FLUSH);
	if (n < 0 && n != -EAGAIN) {
		end(tap);
		return;
	}
	if (n > 0) {
		tap->start = (tap->start + (size_t)n) % TAP_BUFFER;
		tap->used -= (size_t)n;
	}
	tell_lost(tap);
	wait_for_room(tap, tap->used != 0);
}

void taps_flush(struct taps *taps)
{
	list_for_each_safe (pos, next, &taps->all) {
		struct tap *tap = list_entry(pos, struct tap, all);

		if (tap->fd >= 0 && tap->used && !tap->waits)
			flush(tap);
	}
}

/* -- beginning and end --------------------------------------------------------------------------- */

void taps_init(struct taps *taps, struct xenbus_host *host, const struct log *log)
{
	*taps = (struct taps){ .host = host, .log = log };
	list_init(&taps->all);
}

void taps_close(struct taps *taps)
{
	list_for_each_safe (pos, next, &taps->all)
		tap_free(list_entry(pos, struct tap, all));
}

int tap_new(struct taps *taps, const char *who, const struct tap_filter *filter, struct tap **out)
{
	struct tap *tap;

	if (taps->count == TAPS_MAX)
		return -EBUSY;
	tap = calloc(1, sizeof(*tap));
	if (!tap)
		return -ENOMEM;
	tap->taps = taps;
	list_init(&tap->all);
	tap->source.ready = tap_ready;
	tap->fd = -1;
	snprintf(tap->who, sizeof(tap->who), "%s", who);
	tap->filter = *filter;
	if (filter->path)
		tap->filter.path = memcpy(tap->path, filter->path, filter->path_len);
	taps->count++;
	*out = tap;
	return 0;
}

void tap_listen(struct tap *tap)
{
	list_add_tail(&tap->taps->all, &tap->all);
	tap->taps->listening++;
}

void tap_start(struct tap *tap, int fd)
{
	int err = xenbus_source_add(tap->taps->host, &tap->source, fd, 0);

	tap->fd = fd;
	if (err) {
		log_line(tap->taps->log, LOG_WARNING, "%s: cannot read along: %s", tap->who, strerror(-err));
		tap_free(tap);
		return;
	}
	log_line(tap->taps->log, LOG_DEBUG, "%s: reads along", tap->who);
}
