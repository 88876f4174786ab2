/* SPDX-License-Identifier: MIT */
/*
 * Event channels. A handle is an epoll over its ports' incoming eventfds, each armed for one shot:
 *
 *      pending      the eventfd's counter is not 0
 *      masked       the shot has been fired (pending() took it), unmask() arms it again
 *      notify       one write to the outgoing eventfd; the broker is not asked
 *
 * The connection to the broker is in the epoll too, so that who waits for events learns of its death.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "client.h"

static struct local_evtchn *evtchn_of(struct xen_platform_evtchn *xce)
{
	return (struct local_evtchn *)xce;
}

static struct local_world *world_of_evtchn(struct xen_platform_evtchn *xce)
{
	return world_of(xce->platform);
}

static struct local_port *find_port(struct xen_platform_evtchn *xce, uint32_t number)
{
	struct local_port *port = idmap_get(&world_of_evtchn(xce)->ports, number);

	return port && &port->handle->xce == xce ? port : NULL;
}

/* -- handles -- */

static int open_epoll(struct local_evtchn *e, struct local_world *world)
{
	struct epoll_event ev = { .events = EPOLLRDHUP, .data.ptr = world };

	e->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll < 0)
		return -errno;
	if (!epoll_ctl(e->epoll, EPOLL_CTL_ADD, world->sock, &ev))
		return 0;
	close(e->epoll);
	return -errno;
}

int local_evtchn_open(struct xen_platform *platform, struct xen_platform_evtchn **out)
{
	struct local_world *world = world_of(platform);
	struct local_evtchn *e = calloc(1, sizeof(*e));
	int err = e ? open_epoll(e, world) : -ENOMEM;

	if (err)
		goto free_handle;
	err = client_open_handle(world, LOCAL_EVTCHN, &e->id);
	if (err)
		goto close_epoll;
	e->xce.platform = platform;
	list_init(&e->ports);
	*out = &e->xce;
	return 0;

close_epoll:
	close(e->epoll);
free_handle:
	free(e);
	return err;
}

/* The eventfd is others' too, so epoll would go on watching it after our close. */
static void drop_port(struct local_port *port)
{
	epoll_ctl(port->handle->epoll, EPOLL_CTL_DEL, port->in, NULL);
	idmap_del(&world_of_evtchn(&port->handle->xce)->ports, port->number);
	list_del(&port->link);
	close(port->in);
	if (port->out >= 0)
		close(port->out);
	free(port);
}

void local_evtchn_close(struct xen_platform_evtchn *xce)
{
	struct local_evtchn *e = evtchn_of(xce);

	while (!list_empty(&e->ports))
		drop_port(list_first(&e->ports, struct local_port, link));
	close(e->epoll);
	client_close_handle(world_of_evtchn(xce), e->id);
	free(e);
}

int local_evtchn_fd(struct xen_platform_evtchn *xce)
{
	return evtchn_of(xce)->epoll;
}

/* -- binding -- */

static int arm(struct local_port *port, int op)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = port };

	return epoll_ctl(port->handle->epoll, op, port->in, &ev) ? -errno : 0;
}

int evtchn_add_port(struct local_evtchn *e, uint32_t number, int in, int out)
{
	struct local_port *port = calloc(1, sizeof(*port));
	int err = port ? idmap_put(&world_of_evtchn(&e->xce)->ports, number, port) : -ENOMEM;

	if (err) {
		free(port);
		close(in);
		if (out >= 0)
			close(out);
		return err;
	}
	*port = (struct local_port){ .number = number, .handle = e, .in = in, .out = out };
	list_add_tail(&e->ports, &port->link);
	err = arm(port, EPOLL_CTL_ADD);
	if (err)
		drop_port(port);
	return err;
}

static int unbind_at_broker(struct local_evtchn *e, uint32_t number)
{
	struct local_request r = { .op = LOCAL_UNBIND, .handle = e->id, .id = number };

	return client_do(world_of_evtchn(&e->xce), &r);
}

/* Returns the port the broker made, on the handle. */
static int bind_port(struct xen_platform_evtchn *xce, struct local_request *r)
{
	struct local_evtchn *e = evtchn_of(xce);
	struct local_world *world = world_of_evtchn(xce);
	int want = r->op == LOCAL_BIND_VIRQ ? 1 : 2;
	struct local_answer a;
	int err;

	r->handle = e->id;
	err = client_call(world, r, &a);
	if (err && err != -EMFILE)
		return err;
	if (!err)
		err = client_want_fds(world, &a, want);
	if (!err)
		err = evtchn_add_port(e, a.reply.id, a.fds.fd[0], want == 2 ? a.fds.fd[1] : -1);
	if (!err)
		return (int)a.reply.id;
	unbind_at_broker(e, a.reply.id);
	return err;
}

int local_evtchn_bind_unbound_port(struct xen_platform_evtchn *xce, uint32_t domid)
{
	struct local_request r = { .op = LOCAL_BIND_UNBOUND, .domid = domid };

	return bind_port(xce, &r);
}

int local_evtchn_bind_interdomain(struct xen_platform_evtchn *xce, uint32_t domid, uint32_t remote_port)
{
	struct local_request r = { .op = LOCAL_BIND_INTERDOMAIN, .domid = domid, .id = remote_port };

	return bind_port(xce, &r);
}

int local_evtchn_bind_virq(struct xen_platform_evtchn *xce, unsigned int virq)
{
	struct local_request r = { .op = LOCAL_BIND_VIRQ, .count = virq };

	return bind_port(xce, &r);
}

int local_evtchn_unbind(struct xen_platform_evtchn *xce, uint32_t number)
{
	struct local_port *port = find_port(xce, number);

	if (!port)
		return world_of_evtchn(xce)->dead ? -ENOTCONN : -EINVAL;
	drop_port(port);
	return unbind_at_broker(evtchn_of(xce), number);
}

/* -- events -- */

int local_evtchn_notify(struct xen_platform_evtchn *xce, uint32_t number)
{
	struct local_port *port = find_port(xce, number);

	if (world_of_evtchn(xce)->dead)
		return -ENOTCONN;
	if (!port || port->out < 0)
		return -EINVAL;
	eventfd_write(port->out, 1); /* EAGAIN: pending already */
	return 0;
}

/* The peer has the eventfd too: it may have read it empty and cleared O_NONBLOCK, and must not hold us. */
static void clear_pending(const struct local_port *port)
{
	eventfd_t count;
	struct iovec iov = { &count, sizeof(count) };

	if (preadv2(port->in, &iov, 1, -1, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP)
		eventfd_read(port->in, &count);
}

int local_evtchn_pending(struct xen_platform_evtchn *xce)
{
	struct local_world *world = world_of_evtchn(xce);
	struct epoll_event ev;
	struct local_port *port;
	int n;

	if (world->dead)
		return -ENOTCONN;
	do
		n = epoll_wait(evtchn_of(xce)->epoll, &ev, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -EAGAIN;
	if (ev.data.ptr == world) {
		world->dead = true;
		return -ENOTCONN;
	}
	port = ev.data.ptr;
	clear_pending(port);
	return (int)port->number;
}

int local_evtchn_unmask(struct xen_platform_evtchn *xce, uint32_t number)
{
	struct local_port *port = find_port(xce, number);

	if (world_of_evtchn(xce)->dead)
		return -ENOTCONN;
	return port ? arm(port, EPOLL_CTL_MOD) : -EINVAL;
}
