/* SPDX-License-Identifier: MIT */
#include "remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenbus/platform_ops.h>

#include "channel.h"
#include "partner.h"

struct remote {
	struct xen_platform platform;
	struct channel **channel;
	int64_t id;
};

/* Each handle begins with its platform, and has its number in the partner behind it. */
struct remote_handle {
	struct xen_platform *platform;
	int64_t id;
};

static int64_t id_of(const void *handle)
{
	return handle ? ((const struct remote_handle *)handle)->id : 0;
}

static int call(struct xen_platform *platform, uint32_t op, struct message *m)
{
	struct channel *channel = *((struct remote *)platform)->channel;
	int err;

	m->op = op;
	err = channel ? channel_call(channel, m) : -ENOTCONN;
	return err ? err : (int)m->arg[0];
}

static int call_handle(void *handle, uint32_t op, int64_t a, int64_t b)
{
	struct message m = { .arg = { id_of(handle), a, b } };

	return call(((struct remote_handle *)handle)->platform, op, &m);
}

static int handle_open(struct xen_platform *platform, uint32_t op, void *out)
{
	struct message m = { .arg = { ((struct remote *)platform)->id } };
	int err = call(platform, op, &m);
	struct remote_handle *handle;

	if (err)
		return err;
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return -ENOMEM;
	*handle = (struct remote_handle){ platform, m.arg[1] };
	memcpy(out, &handle, sizeof(handle));
	return 0;
}

static void handle_close(void *handle, uint32_t op)
{
	call_handle(handle, op, 0, 0);
	free(handle);
}

static void remote_close(struct xen_platform *platform)
{
	struct message m = { .arg = { ((struct remote *)platform)->id } };

	call(platform, PARTNER_CLOSE, &m);
	free(platform);
}

static int remote_domid(struct xen_platform *platform)
{
	struct message m = { .arg = { ((struct remote *)platform)->id } };

	return call(platform, PARTNER_DOMID, &m);
}

static int remote_info(struct xen_platform *platform, uint32_t domid)
{
	struct message m = { .arg = { ((struct remote *)platform)->id, domid } };

	return call(platform, PARTNER_INFO, &m);
}

static int remote_store_ring(struct xen_platform *platform, struct xen_platform_evtchn *xce, void **page,
			     uint32_t *port)
{
	struct message m = { .arg = { ((struct remote *)platform)->id, id_of(xce) } };

	return call(platform, PARTNER_STORE_RING, &m);
}

static int remote_foreign_ring(struct xen_platform *platform, uint32_t domid, void **page, uint32_t *port)
{
	struct message m = { .arg = { ((struct remote *)platform)->id, domid } };

	return call(platform, PARTNER_FOREIGN_RING, &m);
}

/* -- event channels -- */

static int remote_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out)
{
	return handle_open(platform, PARTNER_EVTCHN_OPEN, out);
}

static void remote_evtchn_close(struct xen_platform_evtchn *xce)
{
	handle_close(xce, PARTNER_EVTCHN_CLOSE);
}

static int remote_bind_unbound(struct xen_platform_evtchn *xce, uint32_t domid)
{
	return call_handle(xce, PARTNER_BIND_UNBOUND, domid, 0);
}

static int remote_bind_interdomain(struct xen_platform_evtchn *xce, uint32_t domid, uint32_t port)
{
	return call_handle(xce, PARTNER_BIND_INTERDOMAIN, domid, port);
}

static int remote_bind_virq(struct xen_platform_evtchn *xce, unsigned int virq)
{
	return call_handle(xce, PARTNER_BIND_VIRQ, virq, 0);
}

static int remote_unbind(struct xen_platform_evtchn *xce, uint32_t port)
{
	return call_handle(xce, PARTNER_UNBIND, port, 0);
}

static int remote_notify(struct xen_platform_evtchn *xce, uint32_t port)
{
	return call_handle(xce, PARTNER_NOTIFY, port, 0);
}

static int remote_pending(struct xen_platform_evtchn *xce)
{
	return call_handle(xce, PARTNER_PENDING, 0, 0);
}

static int remote_unmask(struct xen_platform_evtchn *xce, uint32_t port)
{
	return call_handle(xce, PARTNER_UNMASK, port, 0);
}

bool remote_readable(struct xen_platform_evtchn *xce, int timeout_ms)
{
	return call_handle(xce, PARTNER_READABLE, timeout_ms, 0) == 1;
}

/* -- grants -- */

static int remote_gnttab_open(struct xen_platform *platform, struct xen_platform_gnttab **out)
{
	return handle_open(platform, PARTNER_GNTTAB_OPEN, out);
}

static void remote_gnttab_close(struct xen_platform_gnttab *xgt)
{
	handle_close(xgt, PARTNER_GNTTAB_CLOSE);
}

static int remote_map(struct xen_platform_gnttab *xgt, uint32_t domid, const uint32_t *refs, uint32_t count,
		      int prot, const struct xen_platform_notify *notify, void **addr)
{
	struct message m = { .arg = { id_of(xgt), domid, count, prot, notify->offset, id_of(notify->xce),
				      notify->port } };
	int err;

	m.len = count * (uint32_t)sizeof(*refs);
	memcpy(m.data, refs, m.len);
	err = call(xgt->platform, PARTNER_MAP, &m);
	if (!err)
		*addr = (void *)(intptr_t)m.arg[1];
	return err;
}

static int remote_unmap(struct xen_platform_gnttab *xgt, void *addr, uint32_t count)
{
	return call_handle(xgt, PARTNER_UNMAP, (intptr_t)addr, count);
}

static int remote_gntshr_open(struct xen_platform *platform, struct xen_platform_gntshr **out)
{
	return handle_open(platform, PARTNER_GNTSHR_OPEN, out);
}

static void remote_gntshr_close(struct xen_platform_gntshr *xgs)
{
	handle_close(xgs, PARTNER_GNTSHR_CLOSE);
}

static int remote_share(struct xen_platform_gntshr *xgs, uint32_t domid, uint32_t count, bool writable,
			const struct xen_platform_notify *notify, uint32_t *refs, void **addr)
{
	struct message m = { .arg = { id_of(xgs), domid, count, writable, notify->offset, id_of(notify->xce),
				      notify->port } };
	int err = call(xgs->platform, PARTNER_SHARE, &m);

	if (err)
		return err;
	memcpy(refs, m.data, count * sizeof(*refs));
	*addr = (void *)(intptr_t)m.arg[1];
	return 0;
}

static int remote_unshare(struct xen_platform_gntshr *xgs, void *addr, uint32_t count)
{
	return call_handle(xgs, PARTNER_UNSHARE, (intptr_t)addr, count);
}

/* -- memory -- */

#define PIECE 1024u

void remote_read(struct xen_platform *platform, const void *addr, void *buf, size_t len)
{
	for (size_t at = 0; at < len; at += PIECE) {
		const size_t piece = len - at < PIECE ? len - at : PIECE;
		struct message m = { .arg = { (intptr_t)addr + (intptr_t)at, (int64_t)piece } };

		call(platform, PARTNER_READ, &m);
		memcpy((char *)buf + at, m.data, piece);
	}
}

void remote_write(struct xen_platform *platform, void *addr, const void *buf, size_t len)
{
	for (size_t at = 0; at < len; at += PIECE) {
		const size_t piece = len - at < PIECE ? len - at : PIECE;
		struct message m = { .arg = { (intptr_t)addr + (intptr_t)at }, .len = (uint32_t)piece };

		memcpy(m.data, (const char *)buf + at, piece);
		call(platform, PARTNER_WRITE, &m);
	}
}

int remote_protect(struct xen_platform *platform, void *addr, size_t len, int prot)
{
	struct message m = { .arg = { (intptr_t)addr, (int64_t)len, prot } };

	return call(platform, PARTNER_PROTECT, &m);
}

static const struct xen_platform_ops remote_ops = {
	.name = "remote",
	.close = remote_close,
	.domid = remote_domid,
	.evtchn_open = remote_evtchn_open,
	.evtchn_close = remote_evtchn_close,
	.evtchn_bind_unbound_port = remote_bind_unbound,
	.evtchn_bind_interdomain = remote_bind_interdomain,
	.evtchn_bind_virq = remote_bind_virq,
	.evtchn_unbind = remote_unbind,
	.evtchn_notify = remote_notify,
	.evtchn_pending = remote_pending,
	.evtchn_unmask = remote_unmask,
	.gnttab_open = remote_gnttab_open,
	.gnttab_close = remote_gnttab_close,
	.gnttab_map = remote_map,
	.gnttab_unmap = remote_unmap,
	.gntshr_open = remote_gntshr_open,
	.gntshr_close = remote_gntshr_close,
	.gntshr_share = remote_share,
	.gntshr_unshare = remote_unshare,
	.domain_info = remote_info,
	.store_ring = remote_store_ring,
	.foreign_store_ring = remote_foreign_ring,
};

bool remote_is(const struct xen_platform *platform)
{
	return platform->ops == &remote_ops;
}

struct xen_platform *remote_open(struct channel **channel)
{
	struct remote *remote = calloc(1, sizeof(*remote));
	struct message m = { 0 };

	if (!remote)
		return NULL;
	remote->platform.ops = &remote_ops;
	remote->channel = channel;
	if (call(&remote->platform, PARTNER_OPEN, &m)) {
		free(remote);
		return NULL;
	}
	remote->id = m.arg[1];
	return &remote->platform;
}
