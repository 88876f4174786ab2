/* SPDX-License-Identifier: MIT */
/* What only the control interface tells: does a domain exist, has it stopped. libxenctrl stays in here. */
#include <errno.h>
#include <stdlib.h>
#include <xenctrl.h>

#include "xen_world.h"

struct domctl {
	xc_interface *xch;
};

int domctl_open(xentoollog_logger *logger, struct domctl **out)
{
	struct domctl *domctl = malloc(sizeof(*domctl));
	int err;

	if (!domctl)
		return -ENOMEM;
	domctl->xch = xc_interface_open(logger, logger, 0);
	if (!domctl->xch) {
		err = xen_last_error();
		free(domctl);
		return err;
	}
	*out = domctl;
	return 0;
}

void domctl_close(struct domctl *domctl)
{
	if (!domctl)
		return;
	xc_interface_close(domctl->xch);
	free(domctl);
}

/* The list starts with the first domain at or above @domid: it need not be the one asked for. */
int domctl_info(struct domctl *domctl, uint32_t domid)
{
	xc_domaininfo_t info;
	int flags = XEN_PLATFORM_DOMAIN_EXISTS;
	int count = xc_domain_getinfolist(domctl->xch, domid, 1, &info);

	if (count < 0)
		return errno == ESRCH ? 0 : xen_last_error();
	if (count == 0 || info.domain != domid)
		return 0;
	if (info.flags & XEN_DOMINF_shutdown)
		flags |= XEN_PLATFORM_DOMAIN_SHUTDOWN;
	if (info.flags & XEN_DOMINF_dying)
		flags |= XEN_PLATFORM_DOMAIN_DYING;
	return flags;
}
