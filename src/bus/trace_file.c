/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenbus/platform.h>
#include <xenbus/trace_file.h>

const char *const trace_file_kinds[TRACE_FILE_KINDS] = {
	[XENBUS_TRACE_STATE] = "state",	  [XENBUS_TRACE_OTHEREND] = "otherend",
	[XENBUS_TRACE_STORE] = "store",	  [XENBUS_TRACE_EVENT] = "event",
	[XENBUS_TRACE_GRANT] = "grant",	  [XENBUS_TRACE_EVTCHN] = "evtchn",
	[XENBUS_TRACE_DRIVER] = "driver", [XENBUS_TRACE_NOTE] = "note",
	[XENBUS_TRACE_WAIT] = "wait",
};

static void check_string(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			*text = '?';
}

void trace_file_check(struct xenbus_trace_entry *entry)
{
	if (entry->kind >= TRACE_FILE_KINDS)
		entry->kind = XENBUS_TRACE_NOTE;
	if (entry->own > XENBUS_STATE_GONE)
		entry->own = XenbusStateUnknown;
	if (entry->other > XENBUS_STATE_GONE)
		entry->other = XenbusStateUnknown;
	check_string(entry->device, sizeof(entry->device));
	check_string(entry->text, sizeof(entry->text));
}

const char *trace_file_world(const struct xen_platform *platform)
{
	const char *dir = getenv("XENBUS_RUN_DIR");

	if (dir && *dir)
		return dir;
	if (!platform || strcmp(xen_platform_name(platform), "xen"))
		return NULL;
	mkdir(XEN_RUN_DIR, 0700); /* root's; others look whether it is there */
	return access(XEN_RUN_DIR, W_OK) ? NULL : XEN_RUN_DIR;
}
