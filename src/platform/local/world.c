/* SPDX-License-Identifier: MIT */
/* Opening the world, and asking the broker. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xenbus/local.h>

#include "client.h"

static int lost(struct local_world *world)
{
	world->dead = true;
	shutdown(world->sock, SHUT_RDWR); /* readable for ever, whoever polls it */
	return -ENOTCONN;
}

int client_call(struct local_world *world, const struct local_request *r, struct local_answer *a)
{
	size_t len = LOCAL_HEAD(local_request, refs);
	int n;

	a->fds.n = 0;
	a->reply.result = -ENOTCONN;
	if (world->dead)
		return -ENOTCONN;
	if (r->op == LOCAL_MAP)
		len += r->count * sizeof(r->refs[0]);
	if (message_send(world->sock, r, len, NULL, 0))
		return lost(world);
	n = message_recv(world->sock, &a->reply, sizeof(a->reply), &a->fds, 0);
	if (n != -EMFILE && (n < (int)LOCAL_HEAD(local_reply, refs) || a->reply.op != r->op)) {
		message_close_fds(&a->fds);
		return lost(world);
	}
	return n == -EMFILE ? -EMFILE : a->reply.result;
}

int client_do(struct local_world *world, const struct local_request *r)
{
	struct local_answer a;
	int err = client_call(world, r, &a);

	message_close_fds(&a.fds);
	return err;
}

int client_want_fds(struct local_world *world, struct local_answer *a, int n)
{
	if (a->fds.n == n)
		return 0;
	message_close_fds(&a->fds);
	lost(world);
	return -EPROTO;
}

int client_open_handle(struct local_world *world, enum local_handle kind, uint32_t *id)
{
	struct local_request r = { .op = LOCAL_OPEN, .count = kind };
	struct local_answer a;
	int err = client_call(world, &r, &a);

	*id = err ? 0 : a.reply.id;
	return err;
}

void client_close_handle(struct local_world *world, uint32_t id)
{
	struct local_request r = { .op = LOCAL_CLOSE, .handle = id };

	client_do(world, &r);
}

int client_set_notify(struct local_request *r, const struct xen_platform_notify *notify)
{
	r->notify_offset = notify->offset;
	r->notify_port = notify->port;
	if (notify->port) {
		struct local_port *port = idmap_get(&world_of(notify->xce->platform)->ports, notify->port);

		if (!port || &port->handle->xce != notify->xce)
			return -EINVAL;
	}
	return 0;
}

/* -- the world -- */

static void local_close(struct xen_platform *platform)
{
	struct local_world *world = world_of(platform);

	if (world->foreign)
		local_gnttab_close(world->foreign);
	idmap_free(&world->ports);
	close(world->sock);
	free(world);
}

static int local_domid(struct xen_platform *platform)
{
	return (int)world_of(platform)->domid;
}

static int local_fd(struct xen_platform *platform)
{
	return world_of(platform)->sock;
}

static const struct xen_platform_ops local_ops = {
	.name = "local",
	.close = local_close,
	.domid = local_domid,
	.fd = local_fd,
	.evtchn_open = local_evtchn_open,
	.evtchn_close = local_evtchn_close,
	.evtchn_fd = local_evtchn_fd,
	.evtchn_bind_unbound_port = local_evtchn_bind_unbound_port,
	.evtchn_bind_interdomain = local_evtchn_bind_interdomain,
	.evtchn_bind_virq = local_evtchn_bind_virq,
	.evtchn_unbind = local_evtchn_unbind,
	.evtchn_notify = local_evtchn_notify,
	.evtchn_pending = local_evtchn_pending,
	.evtchn_unmask = local_evtchn_unmask,
	.gnttab_open = local_gnttab_open,
	.gnttab_close = local_gnttab_close,
	.gnttab_map = local_gnttab_map,
	.gnttab_unmap = local_gnttab_unmap,
	.gntshr_open = local_gntshr_open,
	.gntshr_close = local_gntshr_close,
	.gntshr_share = local_gntshr_share,
	.gntshr_move = local_gntshr_move,
	.gntshr_unshare = local_gntshr_unshare,
	.domain_info = local_domain_info,
	.store_ring = local_store_ring,
	.store_ring_release = local_store_ring_release,
	.foreign_store_ring = local_foreign_store_ring,
	.foreign_store_ring_release = local_foreign_store_ring_release,
};

/* Hands one end of a new pair in over the domain descriptor @fd; the broker answers over the other. */
static int knock(int fd, struct local_world *world, const char **why)
{
	struct local_request r = { .op = LOCAL_HELLO, .count = LOCAL_VERSION };
	struct message_fds theirs = { .n = 1 };
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		*why = "no socket pair for the connection to the local hypervisor";
		return -errno;
	}
	theirs.fd[0] = pair[1];
	err = message_send(fd, &r, LOCAL_HEAD(local_request, refs), &theirs, 0);
	close(pair[1]);
	if (!err) {
		world->sock = pair[0];
		return 0;
	}
	close(pair[0]);
	if (err == -EBADF || err == -ENOTSOCK || err == -EINVAL || err == -EPROTOTYPE) {
		*why = "the descriptor is not a domain descriptor of the local hypervisor";
		return -EINVAL;
	}
	*why = "the local hypervisor does not answer, or the domain has ended";
	return err == -EPIPE || err == -ECONNRESET || err == -ENOTCONN ? -ENOTCONN : err;
}

static int await_greeting(struct local_world *world, const char **why)
{
	struct local_reply reply;
	struct message_fds fds;
	int n = message_recv(world->sock, &reply, sizeof(reply), &fds, 0);

	message_close_fds(&fds);
	if (n < (int)LOCAL_HEAD(local_reply, refs) || reply.op != LOCAL_HELLO) {
		*why = "the local hypervisor refused the connection, or is of another version";
		return -ENOTCONN;
	}
	if (reply.result < 0) {
		*why = "the domain has too many connections to the local hypervisor";
		return reply.result;
	}
	world->domid = reply.count;
	return 0;
}

static bool is_seqpacket(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET;
}

static int join(int fd, struct local_world *world, const char **why)
{
	int err;

	if (sysconf(_SC_PAGESIZE) != XEN_PLATFORM_PAGE_SIZE) {
		*why = "the local hypervisor needs a host with pages of 4096 bytes";
		return -ENOTSUP;
	}
	if (!is_seqpacket(fd)) {
		*why = "the descriptor is not a domain descriptor of the local hypervisor";
		return -EINVAL;
	}
	err = knock(fd, world, why);
	if (err)
		return err;
	err = await_greeting(world, why);
	if (err)
		close(world->sock);
	return err;
}

int xen_local_open_fd(int fd, struct xen_platform **out, const char **why)
{
	struct local_world *world = calloc(1, sizeof(*world));
	int err;

	if (!world) {
		*why = "no memory";
		return -ENOMEM;
	}
	err = join(fd, world, why);
	if (err) {
		free(world);
		return err;
	}
	world->platform.ops = &local_ops;
	*out = &world->platform;
	return 0;
}
