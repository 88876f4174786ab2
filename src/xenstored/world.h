/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_WORLD_H
#define XENSTORED_WORLD_H
/* Where the program lives. Linked into the program alone: whoever else runs a server gives it a world. */
#include "log.h"
#include "options.h"

struct xen_platform;

/* Opens the world of this process. 0 and *@out, NULL where there is none and @choice lets us go on; closed with
 * xen_platform_close(). -errno, said in @log. */
int world_open(enum platform_choice choice, const struct log *log, struct xen_platform **out);

#endif
