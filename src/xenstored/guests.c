/* SPDX-License-Identifier: MIT */
#include "guests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <xenbus/wire.h>

#include "guest.h"
#include "server.h"

enum {
	VIRQ_DOM_EXC = 3, /* <xen/xen.h> */
	OTHER_PORTS = 64, /* that may be pending besides those of rings */
};

void guests_init(struct guests *guests, struct server *server)
{
	*guests = (struct guests){ .server = server };
	list_init(&guests->all);
}

static struct log *log_of(struct guests *guests)
{
	return &guests->server->log;
}

/* -- what the hypervisor tells -------------------------------------------------------------------- */

/* Flags of XEN_PLATFORM_DOMAIN_*, or -errno, complained about once. */
static int ask(struct guests *guests, uint32_t domid)
{
	int flags = xen_platform_domain_info(guests->platform, domid);

	if (flags < 0 && !guests->no_info)
		log_line(log_of(guests), LOG_ERR, "cannot ask for domains: %s; their end will go unnoticed",
			 strerror(-flags));
	guests->no_info |= flags < 0;
	return flags;
}

bool guests_domain_exists(void *ctx, uint32_t domid)
{
	struct guests *guests = &((struct server *)ctx)->guests;
	int flags;

	if (!guests->platform)
		return true;
	flags = ask(guests, domid);
	return flags > 0 && !(flags & XEN_PLATFORM_DOMAIN_DYING);
}

static void look_at_domain(struct guests *guests, uint32_t domid)
{
	struct store_input in = { .type = STORE_IN_DOMAIN_DEAD, .domid = domid };
	int flags = ask(guests, domid);

	if (flags < 0)
		return;
	if (flags & XEN_PLATFORM_DOMAIN_EXISTS && !(flags & XEN_PLATFORM_DOMAIN_DYING)) {
		if (!(flags & XEN_PLATFORM_DOMAIN_SHUTDOWN))
			return;
		in.type = STORE_IN_DOMAIN_SHUTDOWN;
	}
	server_apply(guests->server, &in);
}

static void look_at_domains(struct guests *guests)
{
	int64_t domid = 0;

	while ((domid = store_next_domain(guests->server->store, domid)) > 0)
		look_at_domain(guests, (uint32_t)domid);
}

static void port_event(struct guests *guests, uint32_t port)
{
	struct guest *guest = idmap_get(&guests->ports, port);

	if (guest) {
		guest_event(guest);
		return;
	}
	/* Unmasked first: what happens while we look is another event. */
	xen_platform_evtchn_unmask(guests->xce, port);
	if (port == guests->virq_port)
		look_at_domains(guests);
}

static void events_ready(struct xenbus_source *source, unsigned int events)
{
	struct guests *guests = list_entry(source, struct guests, events);

	const uint32_t most = guests->ports.count + OTHER_PORTS;

	/* All of them: whoever is left for the next round is passed by one more turn of everybody else. */
	for (uint32_t i = 0; i < most; i++) {
		int port = xen_platform_evtchn_pending(guests->xce);

		if (port == -EAGAIN)
			return;
		if (port < 0) {
			log_line(log_of(guests), LOG_ERR, "event channels: %s", strerror(-port));
			server_stop(guests->server, 1);
			return;
		}
		port_event(guests, (uint32_t)port);
	}
}

static void end_ready(struct xenbus_source *source, unsigned int events)
{
	struct guests *guests = list_entry(source, struct guests, end);

	log_line(log_of(guests), LOG_ERR, "the world has ended (%s)", xen_platform_name(guests->platform));
	server_stop(guests->server, 1);
}

/* -- opening ------------------------------------------------------------------------------------ */

static int open_events(struct guests *guests)
{
	struct xenbus_host *host = guests->server->host;
	int err = xen_platform_evtchn_open(guests->platform, &guests->xce), port, fd;

	if (err)
		return err;
	port = xen_platform_evtchn_bind_virq(guests->xce, VIRQ_DOM_EXC);
	if (port == -EEXIST)
		log_line(log_of(guests), LOG_ERR, "another xenstored serves this host");
	if (port < 0)
		return port;
	guests->virq_port = (uint32_t)port;
	guests->events.ready = events_ready;
	err = xenbus_source_add(host, &guests->events, xen_platform_evtchn_fd(guests->xce),
				XENBUS_SOURCE_READ);
	fd = xen_platform_fd(guests->platform);
	if (err || fd < 0)
		return err;
	guests->end.ready = end_ready;
	return xenbus_source_add(host, &guests->end, fd, XENBUS_SOURCE_READ);
}

int guests_open(struct guests *guests, struct xen_platform *platform)
{
	int err;

	guests->platform = platform;
	err = platform ? open_events(guests) : 0;
	if (err)
		log_line(log_of(guests), LOG_ERR, "event channels of %s: %s", xen_platform_name(platform),
			 strerror(-err));
	return err;
}

/* -- rings -------------------------------------------------------------------------------------- */

static int map_page(struct guests *guests, struct guest *guest, uint32_t *remote_port)
{
	if (!guests->platform)
		return -ENODEV;
	return xen_platform_foreign_store_ring(guests->platform, guest->domid, &guest->mapped, remote_port);
}

static int map(struct guests *guests, struct guest *guest, const struct store_effect *effect)
{
	uint32_t remote_port = effect->port;
	int err = map_page(guests, guest, &remote_port), port;

	if (err)
		return err;
	port = xen_platform_evtchn_bind_interdomain(guests->xce, guest->domid, remote_port);
	if (port < 0) {
		err = port;
		goto release;
	}
	guest->port = (uint32_t)port;
	err = idmap_put(&guests->ports, guest->port, guest);
	if (!err)
		err = idmap_put(&guests->server->conns, effect->conn, &guest->conn);
	if (!err)
		return 0;
	idmap_del(&guests->ports, guest->port);
	xen_platform_evtchn_unbind(guests->xce, guest->port);
release:
	xen_platform_foreign_store_ring_release(guests->platform, guest->domid, guest->mapped);
	return err;
}

/* A domain introduced anew gets an empty ring; at first its ring is left as it is: it may have asked already. */
static bool introduced_anew(const struct guests *guests, uint32_t domid)
{
	return guests->unmapped_in == guests->server->inputs && guests->unmapped_domid == domid;
}

void guests_map(struct guests *guests, const struct store_effect *effect)
{
	struct store_input in = { .type = STORE_IN_MAPPED, .domid = effect->domid, .error = -ENOMEM };
	struct guest *guest = calloc(1, sizeof(*guest));

	if (guest) {
		guest->guests = guests;
		guest->domid = effect->domid;
		guest->features = effect->features;
		list_init(&guest->all);
		in.error = map(guests, guest, effect);
	}
	if (in.error) {
		log_line(log_of(guests), LOG_NOTICE, "domain %u: cannot take its ring: %s", effect->domid,
			 strerror(-in.error));
		free(guest);
		server_apply(guests->server, &in);
		return;
	}
	list_add_tail(&guests->all, &guest->all);
	server_apply(guests->server, &in);
	guest_start(guest, guests->server, effect->conn, introduced_anew(guests, effect->domid));
	log_line(log_of(guests), LOG_DEBUG, "domain %u: introduced", effect->domid);
}

/* Lets go of page and port now, since they may be taken anew at once; the memory goes with the dead. */
static void end_guest(struct guests *guests, struct guest *guest)
{
	list_del(&guest->all);
	idmap_del(&guests->ports, guest->port);
	idmap_del(&guests->server->conns, guest->conn.id);
	xen_platform_evtchn_unbind(guests->xce, guest->port);
	xen_platform_foreign_store_ring_release(guests->platform, guest->domid, guest->mapped);
	conn_kill(&guest->conn);
}

void guests_unmap(struct guests *guests, const struct store_effect *effect)
{
	struct conn *conn = idmap_get(&guests->server->conns, effect->conn);

	if (!conn)
		return;
	guests->unmapped_in = guests->server->inputs;
	guests->unmapped_domid = effect->domid;
	end_guest(guests, list_entry(conn, struct guest, conn));
	log_line(log_of(guests), LOG_DEBUG, "domain %u: gone", effect->domid);
}

void guests_close(struct guests *guests)
{
	list_for_each_safe (pos, next, &guests->all)
		end_guest(guests, list_entry(pos, struct guest, all));
	idmap_free(&guests->ports);
	xenbus_source_remove(guests->server->host, &guests->end);
	xenbus_source_remove(guests->server->host, &guests->events);
	xen_platform_evtchn_close(guests->xce);
	guests->xce = NULL;
	guests->platform = NULL;
}

/* -- dom0's own ring ---------------------------------------------------------------------------- */

/* What a toolstack would say for dom0 if there were one yet: "0|0|port|". */
static void introduce(struct guests *guests, uint32_t port)
{
	struct server *server = guests->server;
	struct store_input in = { .type = STORE_IN_CONNECT };
	char payload[32];
	uint32_t conn;

	if (server_apply(server, &in))
		return;
	conn = in.conn;
	in = (struct store_input){ .type = STORE_IN_MESSAGE, .conn = conn, .op = XS_INTRODUCE };
	in.len = (uint32_t)snprintf(payload, sizeof(payload), "0%c0%c%u", 0, 0, port) + 1;
	in.payload = payload;
	server_apply(server, &in);
	in = (struct store_input){ .type = STORE_IN_DISCONNECT, .conn = conn };
	server_apply(server, &in);
}

int guests_introduce_dom0(struct guests *guests)
{
	uint32_t port = 0;
	void *page;
	int err;

	if (!guests->platform)
		return 0;
	err = xen_platform_foreign_store_ring(guests->platform, 0, &page, &port);
	if (err == -ENOENT || err == -ENOSYS)
		return 0;
	if (err) {
		log_line(log_of(guests), LOG_ERR, "dom0's ring: %s", strerror(-err));
		return err;
	}
	xen_platform_foreign_store_ring_release(guests->platform, 0, page);
	introduce(guests, port);
	if (!list_empty(&guests->all))
		return 0;
	log_line(log_of(guests), LOG_ERR, "dom0's ring: the store would not introduce dom0");
	return -EIO;
}
