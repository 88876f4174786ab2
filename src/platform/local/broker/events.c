/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <xen/xen.h>

#include "connection.h"
#include "domain.h"
#include "events.h"

/* -- channels -- */

static void close_channel(struct broker_channel *channel)
{
	uint32_t n = 0;

	for (int side = 0; side < 2; side++)
		if (channel->in[side] >= 0)
			n += !close(channel->in[side]);
	account_give(channel->payer, RESOURCE_DESCRIPTORS, n);
	free(channel);
}

static int channel_new(struct account *payer, uint32_t sides, struct broker_channel **out)
{
	struct broker_channel *channel;
	int err = account_take(payer, RESOURCE_DESCRIPTORS, sides);

	if (err)
		return err;
	channel = calloc(1, sizeof(*channel));
	if (!channel) {
		account_give(payer, RESOURCE_DESCRIPTORS, sides);
		return -ENOMEM;
	}
	*channel = (struct broker_channel){ .refs = 1, .in = { -1, -1 }, .payer = payer };
	for (uint32_t side = 0; side < sides; side++) {
		channel->in[side] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (channel->in[side] < 0) {
			account_give(payer, RESOURCE_DESCRIPTORS, sides - side);
			close_channel(channel);
			return -ENOSPC;
		}
	}
	*out = channel;
	return 0;
}

void channel_get(struct broker_channel *channel)
{
	channel->refs++;
}

void channel_put(struct broker_channel *channel)
{
	if (!--channel->refs)
		close_channel(channel);
}

/* The open file is the clients' too: one may have filled the counter and cleared O_NONBLOCK, before the
 * write or during it. So the write is cut short by an alarm, which comes again until it has hit. */
static void write_bounded(int fd)
{
	const struct itimerval soon = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 },
			       never = { 0 };

	fcntl(fd, F_SETFL, O_NONBLOCK);
	setitimer(ITIMER_REAL, &soon, NULL);
	eventfd_write(fd, 1); /* EAGAIN: pending already */
	setitimer(ITIMER_REAL, &never, NULL);
}

void channel_raise(struct broker_channel *channel, int side)
{
	if (channel->in[side] >= 0)
		write_bounded(channel->in[side]);
}

/* -- ports -- */

static int port_on_channel(struct broker_domain *domain, struct broker_channel *channel, int side,
			   struct broker_port **out)
{
	struct broker_port *port;
	int64_t number;
	int err = account_take(domain->account, RESOURCE_PORTS, 1);

	if (err)
		return err;
	port = calloc(1, sizeof(*port));
	number = port ? numbers_add(&domain->ports, port) : -ENOMEM;
	if (number < 0) {
		free(port);
		account_give(domain->account, RESOURCE_PORTS, 1);
		return (int)number;
	}
	*port = (struct broker_port){ .domain = domain, .channel = channel, .side = side };
	port->number = (uint32_t)number;
	list_init(&port->link);
	channel_get(channel);
	*out = port;
	return 0;
}

int port_new(struct broker_domain *domain, uint64_t offered_to, struct broker_port **out)
{
	struct broker_channel *channel;
	int err = channel_new(domain->account, 2, &channel);

	if (err)
		return err;
	err = port_on_channel(domain, channel, 0, out);
	channel_put(channel);
	if (!err)
		(*out)->offered_to = offered_to;
	return err;
}

void port_free(struct broker_port *port)
{
	struct broker_domain *domain = port->domain;

	if (port->peer) {
		port->peer->peer = NULL;
		port->peer->offered_to = domain->serial;
	}
	if (domain->broker->dom_exc == port)
		domain->broker->dom_exc = NULL;
	list_del(&port->link);
	numbers_del(&domain->ports, port->number);
	channel_put(port->channel);
	free(port);
	account_give(domain->account, RESOURCE_PORTS, 1);
}

void port_release(struct broker_port *port)
{
	if (port != port->domain->store_port) {
		port_free(port);
		return;
	}
	list_del(&port->link);
	port->handle = NULL;
}

struct broker_port *port_of(struct broker_connection *c, uint32_t number)
{
	struct broker_port *port = c->domain ? numbers_get(&c->domain->ports, number) : NULL;

	return port && port->handle && port->handle->object.connection == c ? port : NULL;
}

void port_answer(const struct broker_port *port, struct broker_answer *a)
{
	const struct broker_channel *channel = port->channel;

	a->reply.id = port->number;
	a->fds.fd[a->fds.n++] = channel->in[port->side];
	if (channel->in[!port->side] >= 0)
		a->fds.fd[a->fds.n++] = channel->in[!port->side];
}

static int give_to_handle(struct broker_handle *handle, struct broker_port *port, struct broker_answer *a)
{
	port->handle = handle;
	list_add_tail(&handle->parts, &port->link);
	port_answer(port, a);
	return 0;
}

/* -- requests -- */

int op_bind_unbound(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		    struct broker_answer *a)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_EVTCHN);
	struct broker_domain *remote = domain_named(c, r->domid);
	struct broker_port *port;
	int err;

	if (!handle)
		return BROKEN;
	if (!remote)
		return -ESRCH;
	err = port_new(c->domain, remote->serial, &port);
	return err ? err : give_to_handle(handle, port, a);
}

int op_bind_interdomain(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
			struct broker_answer *a)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_EVTCHN);
	struct broker_domain *domain = domain_named(c, r->domid);
	struct broker_port *remote, *port;
	int err;

	if (!handle)
		return BROKEN;
	if (!domain)
		return -ESRCH;
	remote = numbers_get(&domain->ports, r->id);
	if (!remote || remote->offered_to != c->domain->serial) /* a bound one is offered to nobody */
		return -EINVAL;
	err = port_on_channel(c->domain, remote->channel, !remote->side, &port);
	if (err)
		return err;
	port->peer = remote;
	remote->peer = port;
	remote->offered_to = 0;
	/* What the remote end sent before there was a peer went nowhere: let this one look. */
	channel_raise(port->channel, port->side);
	return give_to_handle(handle, port, a);
}

int op_bind_virq(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		 struct broker_answer *a)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_EVTCHN);
	struct xen_local_broker *broker = c->broker;
	struct broker_channel *channel;
	struct broker_port *port;
	int err;

	if (!handle)
		return BROKEN;
	if (r->count != VIRQ_DOM_EXC)
		return -EINVAL;
	if (c->domain->domid)
		return -EPERM;
	if (broker->dom_exc)
		return -EEXIST;
	err = channel_new(c->domain->account, 1, &channel);
	if (err)
		return err;
	err = port_on_channel(c->domain, channel, 0, &port);
	channel_put(channel);
	if (err)
		return err;
	broker->dom_exc = port;
	return give_to_handle(handle, port, a);
}

int op_unbind(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	      struct broker_answer *a)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_EVTCHN);
	struct broker_port *port = port_of(c, r->id);

	if (!handle || !port || port->handle != handle)
		return BROKEN;
	port_release(port);
	return 0;
}
