/* SPDX-License-Identifier: MIT */
#include "partner.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenbus/platform.h>
#include <xenbus/xen.h>

#include "channel.h"

#define HANDLE(m, i) ((void *)(intptr_t)(m)->arg[i])
#define U32(m, i) ((uint32_t)(m)->arg[i])

void partner_count(long *descriptors, long *areas)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	DIR *dir = opendir("/proc/self/fd");
	char line[512];

	*descriptors = *areas = 0;
	while (dir && readdir(dir))
		++*descriptors;
	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "/dev/xen/gnt"))
			++*areas;
	if (dir)
		closedir(dir);
	if (maps)
		fclose(maps);
}

/* Each returns the call's own result. */

static int64_t do_count(struct message *m)
{
	long descriptors, areas;

	partner_count(&descriptors, &areas);
	m->arg[1] = descriptors;
	m->arg[2] = areas;
	return 0;
}

static int64_t do_open(struct message *m)
{
	struct xen_platform *platform = NULL;
	const char *why;
	int err = xen_xen_open(&platform, &why);

	m->arg[1] = (intptr_t)platform;
	return err;
}

static int64_t do_close(struct message *m)
{
	xen_platform_close(HANDLE(m, 0));
	return 0;
}

static int64_t do_domid(struct message *m)
{
	return xen_platform_domid(HANDLE(m, 0));
}

static int64_t do_info(struct message *m)
{
	return xen_platform_domain_info(HANDLE(m, 0), U32(m, 1));
}

static int64_t do_store_ring(struct message *m)
{
	uint32_t port;
	void *page;

	return xen_platform_store_ring(HANDLE(m, 0), HANDLE(m, 1), &page, &port);
}

static int64_t do_foreign_ring(struct message *m)
{
	uint32_t port;
	void *page;

	return xen_platform_foreign_store_ring(HANDLE(m, 0), U32(m, 1), &page, &port);
}

static int64_t do_evtchn_open(struct message *m)
{
	struct xen_platform_evtchn *xce = NULL;
	int err = xen_platform_evtchn_open(HANDLE(m, 0), &xce);

	m->arg[1] = (intptr_t)xce;
	return err;
}

static int64_t do_evtchn_close(struct message *m)
{
	xen_platform_evtchn_close(HANDLE(m, 0));
	return 0;
}

static int64_t do_bind_unbound(struct message *m)
{
	return xen_platform_evtchn_bind_unbound_port(HANDLE(m, 0), U32(m, 1));
}

static int64_t do_bind_interdomain(struct message *m)
{
	return xen_platform_evtchn_bind_interdomain(HANDLE(m, 0), U32(m, 1), U32(m, 2));
}

static int64_t do_bind_virq(struct message *m)
{
	return xen_platform_evtchn_bind_virq(HANDLE(m, 0), U32(m, 1));
}

static int64_t do_unbind(struct message *m)
{
	return xen_platform_evtchn_unbind(HANDLE(m, 0), U32(m, 1));
}

static int64_t do_notify(struct message *m)
{
	return xen_platform_evtchn_notify(HANDLE(m, 0), U32(m, 1));
}

static int64_t do_pending(struct message *m)
{
	return xen_platform_evtchn_pending(HANDLE(m, 0));
}

static int64_t do_unmask(struct message *m)
{
	return xen_platform_evtchn_unmask(HANDLE(m, 0), U32(m, 1));
}

static int64_t do_readable(struct message *m)
{
	struct pollfd look = { .fd = xen_platform_evtchn_fd(HANDLE(m, 0)), .events = POLLIN };

	return poll(&look, 1, (int)m->arg[1]) == 1;
}

static int64_t do_gnttab_open(struct message *m)
{
	struct xen_platform_gnttab *xgt = NULL;
	int err = xen_platform_gnttab_open(HANDLE(m, 0), &xgt);

	m->arg[1] = (intptr_t)xgt;
	return err;
}

static int64_t do_gnttab_close(struct message *m)
{
	xen_platform_gnttab_close(HANDLE(m, 0));
	return 0;
}

static bool wants_notify(const struct message *m)
{
	return U32(m, 4) != UINT32_MAX || m->arg[6];
}

static int64_t do_map(struct message *m)
{
	uint32_t refs[256];
	void *page = NULL;
	int err;

	memcpy(refs, m->data, m->len);
	m->len = 0;
	if (wants_notify(m))
		err = xen_platform_gnttab_map_notify(HANDLE(m, 0), U32(m, 1), refs[0], (int)m->arg[3],
						     U32(m, 4), HANDLE(m, 5), U32(m, 6), &page);
	else
		err = xen_platform_gnttab_map(HANDLE(m, 0), U32(m, 1), refs, U32(m, 2), (int)m->arg[3],
					      &page);
	m->arg[1] = (intptr_t)page;
	return err;
}

static int64_t do_unmap(struct message *m)
{
	return xen_platform_gnttab_unmap(HANDLE(m, 0), HANDLE(m, 1), U32(m, 2));
}

static int64_t do_gntshr_open(struct message *m)
{
	struct xen_platform_gntshr *xgs = NULL;
	int err = xen_platform_gntshr_open(HANDLE(m, 0), &xgs);

	m->arg[1] = (intptr_t)xgs;
	return err;
}

static int64_t do_gntshr_close(struct message *m)
{
	xen_platform_gntshr_close(HANDLE(m, 0));
	return 0;
}

static int64_t do_share(struct message *m)
{
	uint32_t refs[256] = { 0 };
	void *page = NULL;
	int err;

	if (wants_notify(m))
		err = xen_platform_gntshr_share_notify(HANDLE(m, 0), U32(m, 1), m->arg[3], U32(m, 4),
						       HANDLE(m, 5), U32(m, 6), refs, &page);
	else
		err = xen_platform_gntshr_share(HANDLE(m, 0), U32(m, 1), U32(m, 2), m->arg[3], refs, &page);
	m->len = err ? 0 : U32(m, 2) * (uint32_t)sizeof(refs[0]);
	memcpy(m->data, refs, m->len);
	m->arg[1] = (intptr_t)page;
	return err;
}

static int64_t do_unshare(struct message *m)
{
	return xen_platform_gntshr_unshare(HANDLE(m, 0), HANDLE(m, 1), U32(m, 2));
}

static int64_t do_read(struct message *m)
{
	m->len = U32(m, 1);
	memcpy(m->data, HANDLE(m, 0), m->len);
	return 0;
}

static int64_t do_write(struct message *m)
{
	memcpy(HANDLE(m, 0), m->data, m->len);
	m->len = 0;
	return 0;
}

static int64_t do_protect(struct message *m)
{
	return mprotect(HANDLE(m, 0), (size_t)m->arg[1], (int)m->arg[2]) ? -errno : 0;
}

static int64_t do_start(struct message *m)
{
	int result = 0;
	pid_t pid = process_start((ptrdiff_t)m->arg[0], m->data, m->len, &result);

	m->len = 0;
	m->arg[1] = pid;
	return pid < 0 ? pid : result;
}

static int64_t do_kill(struct message *m)
{
	process_kill((pid_t)m->arg[0]);
	return 0;
}

static int64_t (*const ops[PARTNER_OPS])(struct message *m) = {
	[PARTNER_COUNT] = do_count,
	[PARTNER_OPEN] = do_open,
	[PARTNER_CLOSE] = do_close,
	[PARTNER_DOMID] = do_domid,
	[PARTNER_INFO] = do_info,
	[PARTNER_STORE_RING] = do_store_ring,
	[PARTNER_FOREIGN_RING] = do_foreign_ring,
	[PARTNER_EVTCHN_OPEN] = do_evtchn_open,
	[PARTNER_EVTCHN_CLOSE] = do_evtchn_close,
	[PARTNER_BIND_UNBOUND] = do_bind_unbound,
	[PARTNER_BIND_INTERDOMAIN] = do_bind_interdomain,
	[PARTNER_BIND_VIRQ] = do_bind_virq,
	[PARTNER_UNBIND] = do_unbind,
	[PARTNER_NOTIFY] = do_notify,
	[PARTNER_PENDING] = do_pending,
	[PARTNER_UNMASK] = do_unmask,
	[PARTNER_READABLE] = do_readable,
	[PARTNER_GNTTAB_OPEN] = do_gnttab_open,
	[PARTNER_GNTTAB_CLOSE] = do_gnttab_close,
	[PARTNER_MAP] = do_map,
	[PARTNER_UNMAP] = do_unmap,
	[PARTNER_GNTSHR_OPEN] = do_gntshr_open,
	[PARTNER_GNTSHR_CLOSE] = do_gntshr_close,
	[PARTNER_SHARE] = do_share,
	[PARTNER_UNSHARE] = do_unshare,
	[PARTNER_READ] = do_read,
	[PARTNER_WRITE] = do_write,
	[PARTNER_PROTECT] = do_protect,
	[PARTNER_START] = do_start,
	[PARTNER_KILL] = do_kill,
};

int partner_serve(void)
{
	struct xen_platform *platform;
	struct channel *channel;
	struct message m;
	const char *why;

	if (xen_xen_open(&platform, &why)) {
		fprintf(stderr, "contract: %s\n", why);
		return 1;
	}
	channel = channel_serve(platform);
	for (;;) {
		channel_next(channel, &m);
		if (m.op == PARTNER_QUIT)
			break;
		m.arg[0] = m.op < PARTNER_OPS ? ops[m.op](&m) : -ENOSYS;
		channel_reply(channel, &m);
	}
	channel_hide(channel);
	m.arg[0] = 0;
	channel_reply(channel, &m);
	return 0;
}
