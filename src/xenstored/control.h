/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_CONTROL_H
#define XENSTORED_CONTROL_H
#include <stddef.h>

/* store_config.control: the CONTROL commands that concern the process and not the store. @ctx is the
 * struct server; @args are @len bytes of NUL-terminated strings.
 *
 *	log [on|off]	 tracing; without argument: which is it?
 *	logfile PATH	 trace to PATH from now on
 *	trace [domain N] [path P]
 *			 whoever asks, on a socket, reads along from then on (tap.h)
 *	stats [domain N | domains [FROM] | connections [FROM] | conflicts [FROM]]
 *			 who does what, as JSON (stats.h)
 *	help		 names those above, for the store's own list
 *
 * Returns the bytes of the answer, or -errno: -EINVAL an unknown command or wrong arguments; -EBUSY too many
 * readers; -ENOSYS tracing by a ring. */
int control_command(void *ctx, const char *cmd, const char *args, size_t len, char *reply, size_t size);

#endif
