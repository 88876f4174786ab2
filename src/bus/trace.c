/* SPDX-License-Identifier: MIT */
/* The trace: a bounded ring of what happened, always on; and the log. */
#include "bus.h"
#include <base/ringfile.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenbus/trace_file.h>
#include <xenbus/wire.h>

#define TRACE_ENTRIES 4096u

int bus_trace_open(struct xenbus *bus)
{
	const size_t wanted = bus->config.trace_entries ? bus->config.trace_entries : TRACE_ENTRIES;
	const struct ringfile_info info = {
		.kind = TRACE_FILE_KIND,
		.version = TRACE_FILE_VERSION,
		.record_size = sizeof(struct xenbus_trace_entry),
		.records = wanted < RINGFILE_RECORDS_MAX ? (uint32_t)wanted : RINGFILE_RECORDS_MAX,
	};

	return ringfile_new(&info, &bus->trace);
}

void bus_trace_close(struct xenbus *bus)
{
	if (bus->trace)
		trace_add(bus, NULL, XENBUS_TRACE_NOTE, TRACE_FILE_END);
	ringfile_free(bus->trace);
}

/* Only of programs with drivers: a toolstack's command comes and goes, and its ring would push out theirs. */
void trace_publish(struct xenbus *bus)
{
	/* A simulator's clock is not the machine's. */
	const char *world = xenbus_host_fd(bus->host) < 0 ? NULL : trace_file_world(bus->platform);
	char *dir;
	int err;

	if (!world || bus->trace_tried)
		return;
	bus->trace_tried = true;
	if (asprintf(&dir, "%s/" TRACE_FILE_FOLDER, world) < 0)
		return;
	err = ringfile_publish(bus->trace, dir, bus->domid);
	if (err)
		bus_log(bus, XENBUS_LOG_DEBUG, "the trace stays private: %s: %s", dir, strerror(-err));
	free(dir);
}

static struct xenbus_trace_entry *trace_begin(struct xenbus *bus, const struct xenbus_device *dev,
					      enum xenbus_trace_kind kind)
{
	struct xenbus_trace_entry *entry = ringfile_begin(bus->trace);

	entry->time_ns = xenbus_host_now(bus->host);
	entry->kind = (uint8_t)kind;
	entry->own = dev ? (uint8_t)dev->state : 0;
	entry->other = dev ? (uint8_t)dev->otherend_state : 0;
	snprintf(entry->device, sizeof(entry->device), "%s", dev ? dev->nodename : "");
	entry->text[0] = '\0';
	return entry;
}

void trace_add(struct xenbus *bus, const struct xenbus_device *dev, enum xenbus_trace_kind kind,
	       const char *fmt, ...)
{
	struct xenbus_trace_entry *entry = trace_begin(bus, dev, kind);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(entry->text, sizeof(entry->text), fmt, ap);
	va_end(ap);
	ringfile_commit(bus->trace, entry->time_ns);
}

/* Printable bytes as they are, a NUL between strings as a blank, the rest as \xHH; cut at @size. */
static size_t put_escaped(char *to, size_t size, const char *from, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used + 5 < size; i++) {
		unsigned char c = (unsigned char)from[i];

		if (c == '\0')
			to[used++] = ' ';
		else if (c >= 0x20 && c < 0x7f && c != '\\')
			to[used++] = (char)c;
		else
			used += (size_t)snprintf(to + used, size - used, "\\x%02x", c);
	}
	to[used] = '\0';
	return used;
}

void bus_trace_message(struct xenbus *bus, bool out, uint32_t op, const void *payload, size_t len)
{
	const struct xenbus_device *dev = out && bus->current ? bus->current->dev : NULL;
	const char *name = wire_op_name(op);
	bool event = op == XS_WATCH_EVENT;
	struct xenbus_trace_entry *entry;
	int n;

	if (!out && !event && op != XS_ERROR)
		return; /* answers of success say little that the request did not */
	if (event && len)
		len = strnlen(payload, len); /* the token is ours */
	entry = trace_begin(bus, dev, event ? XENBUS_TRACE_EVENT : XENBUS_TRACE_STORE);
	n = snprintf(entry->text, sizeof(entry->text), "%s ", event ? "event" : name ? name : "?");
	if (len && !((const char *)payload)[len - 1])
		len--;
	put_escaped(entry->text + n, sizeof(entry->text) - (size_t)n, payload, len);
	ringfile_commit(bus->trace, entry->time_ns);
}

int xenbus_trace_get(const struct xenbus *bus, size_t index, struct xenbus_trace_entry *out)
{
	const uint64_t first = ringfile_first(bus->trace);

	if (index >= ringfile_next(bus->trace) - first)
		return -ENOENT;
	*out = *(const struct xenbus_trace_entry *)ringfile_record(bus->trace, first + index);
	trace_file_check(out);
	return 0;
}

static void write_json_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

int xenbus_trace_write(const struct xenbus *bus, FILE *out)
{
	struct xenbus_trace_entry entry;

	for (size_t i = 0; !xenbus_trace_get(bus, i, &entry); i++) {
		fprintf(out, "{\"time_ns\":%llu,\"domid\":%u,\"kind\":\"%s\",\"device\":",
			(unsigned long long)entry.time_ns, bus->domid, trace_file_kinds[entry.kind]);
		write_json_string(out, entry.device);
		fprintf(out, ",\"own\":%u,\"other\":%u,\"text\":", entry.own, entry.other);
		write_json_string(out, entry.text);
		fputs("}\n", out);
	}
	return fflush(out) || ferror(out) ? -EIO : 0;
}

void bus_vlog(struct xenbus *bus, enum xenbus_log_level level, const char *prefix, const char *fmt,
	      va_list ap)
{
	char raw[512], line[1024];
	int n;

	n = snprintf(raw, sizeof(raw), "%s", prefix);
	vsnprintf(raw + n, sizeof(raw) - (size_t)n, fmt, ap);
	put_escaped(line, sizeof(line), raw, strlen(raw));
	bus_log_line(bus, level, line);
}

void bus_log(struct xenbus *bus, enum xenbus_log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	bus_vlog(bus, level, "xenbus: ", fmt, ap);
	va_end(ap);
}

static void info(struct xenbus *bus, const char *fmt, va_list ap)
{
	char prefix[16] = "DomU: ";

	if (bus->domid == 0)
		snprintf(prefix, sizeof(prefix), "Dom0: ");
	bus_vlog(bus, XENBUS_LOG_INFO, prefix, fmt, ap);
}

void xenbus_info(struct xenbus *bus, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	info(bus, fmt, ap);
	va_end(ap);
}

void xenbus_dev_info(struct xenbus_device *dev, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	info(dev->bus, fmt, ap);
	va_end(ap);
}
