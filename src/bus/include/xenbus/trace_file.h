/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_TRACE_FILE_H
#define XENBUS_TRACE_FILE_H
/*
 * Where programs' traces are while they run, and after: DIR/trace/DOMID.PID.N.ring, files of <base/ringfile.h> whose
 * records are struct xenbus_trace_entry and whose owner is the domid. DIR is the world's, XENBUS_RUN_DIR; on Xen
 * /run/xenbus, beside DIR/dmesg of <base/logfile.h>. For programs of this project: not installed.
 */
#include <xenbus/xenbus.h>

struct xen_platform;

#define TRACE_FILE_FOLDER "trace"
#define TRACE_FILE_KIND "xenbus trace"
#define TRACE_FILE_VERSION 1u
#define XEN_RUN_DIR "/run/xenbus"
/* The last entry of a program that closed its bus: others were killed, or are running. */
#define TRACE_FILE_END "the bus is closed"

/* What each enum xenbus_trace_kind is called. */
#define TRACE_FILE_KINDS (XENBUS_TRACE_WAIT + 1u)
extern const char *const trace_file_kinds[TRACE_FILE_KINDS];

/* The folder of the world that this program is in: XENBUS_RUN_DIR; on Xen /run/xenbus, which is made where it may be.
 * NULL: none. */
const char *trace_file_world(const struct xen_platform *platform);

/* Makes of @entry, which anybody may have written, one that can be used: kind and states are within their enums
 * (others become XENBUS_TRACE_NOTE and XenbusStateUnknown), strings end, and what a terminal might obey is '?'. */
void trace_file_check(struct xenbus_trace_entry *entry);

#endif
