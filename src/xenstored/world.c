/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include <xenbus/platform.h>
#include <xenbus/xen.h>

/* Where the usual device is missing the libraries may still have a way: let them try. */
static int open_any(struct xen_platform **out, const char **why)
{
	const char *why_not;
	int err = xen_platform_open(out, why);

	if (err == -ENXIO && !xen_xen_open(out, &why_not))
		return 0;
	return err;
}

int world_open(enum platform_choice choice, const struct log *log, struct xen_platform **out)
{
	const char *why = "";
	int err;

	*out = NULL;
	if (choice == PLATFORM_NONE)
		return 0;
	err = open_any(out, &why);
	if (!err)
		return 0;
	*out = NULL;
	if (err == -ENXIO && choice == PLATFORM_AUTO) {
		log_line(log, LOG_WARNING, "no hypervisor (%s): serving the socket only", why);
		return 0;
	}
	log_line(log, LOG_ERR, "%s: %s", why, strerror(-err));
	return err;
}
