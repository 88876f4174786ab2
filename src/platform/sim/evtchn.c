/* SPDX-License-Identifier: MIT */
/*
 * Event channels.
 *
 *      port (side 0)  --- raises pending[1] ---> port (side 1)
 *      port (side 0)  <--- raises pending[0] ---
 *
 * Pending belongs to the channel, which also stays while something is to be notified through it; the mask is the
 * port's. When one side closes, the other is unbound, offered to the closer's domain again, and what it notifies
 * goes nowhere.
 */
#include <errno.h>
#include <stdlib.h>

#include "events.h"

#define DEFAULT_PORTS 1023u
#define VIRQ_DOM_EXC 3u /* <xen/xen.h> */
#define PASSED_MOST 2u	/* a pending port is taken at the latest after so many others */

/* -- channels -- */

void sim_channel_put(struct sim_channel *channel)
{
	if (!--channel->refs)
		free(channel);
}

static void make_ready(struct sim_port *port)
{
	bool ready = port->handle && !port->masked && port->channel->pending[port->side];

	if (ready && list_empty(&port->ready)) {
		port->passed = 0;
		list_add_tail(&port->handle->ready, &port->ready);
	} else if (!ready) {
		list_del(&port->ready);
	}
}

void sim_channel_raise(struct sim_channel *channel, int side)
{
	channel->pending[side] = true;
	if (channel->port[side])
		make_ready(channel->port[side]);
}

/* -- ports -- */

static int port_on_channel(struct sim_domain *domain, struct sim_channel *channel, int side,
			   struct sim_port **out)
{
	uint32_t most = domain->sim->config.ports ? domain->sim->config.ports : DEFAULT_PORTS;
	struct sim_port *port;
	int64_t number;

	if (domain->ports.used >= most)
		return -ENOSPC;
	port = calloc(1, sizeof(*port));
	number = port ? numbers_add(&domain->ports, port) : -ENOMEM;
	if (number < 0) {
		free(port);
		return (int)number;
	}
	*port = (struct sim_port){
		.number = (uint32_t)number, .domain = domain, .channel = channel, .side = side
	};
	list_init(&port->link);
	list_init(&port->ready);
	channel->refs++;
	channel->port[side] = port;
	*out = port;
	return 0;
}

int sim_port_new(struct sim_domain *domain, uint64_t offered_to, struct sim_port **out)
{
	struct sim_channel *channel = calloc(1, sizeof(*channel));
	int err;

	if (!channel)
		return -ENOMEM;
	channel->refs = 1;
	err = port_on_channel(domain, channel, 0, out);
	if (!err)
		(*out)->offered_to = offered_to;
	sim_channel_put(channel);
	return err;
}

void sim_port_free(struct sim_port *port)
{
	struct sim_domain *domain = port->domain;
	struct sim_port *peer = port->channel->port[!port->side];

	if (peer)
		peer->offered_to = domain->serial;
	if (domain->sim->dom_exc == port)
		domain->sim->dom_exc = NULL;
	port->channel->port[port->side] = NULL;
	list_del(&port->link);
	list_del(&port->ready);
	numbers_del(&domain->ports, port->number);
	sim_channel_put(port->channel);
	free(port);
}

void sim_port_release(struct sim_port *port)
{
	if (port != port->domain->store_port) {
		sim_port_free(port);
		return;
	}
	list_del(&port->link);
	port->handle = NULL;
	port->masked = false;
	make_ready(port);
}

void sim_port_give(struct sim_port *port, struct sim_evtchn *handle)
{
	port->handle = handle;
	list_add_tail(&handle->ports, &port->link);
	make_ready(port);
}

static struct sim_process *process_of(struct sim_evtchn *e)
{
	return sim_of_platform(e->xce.platform);
}

/* NULL is a mistake of the caller's. */
static struct sim_port *own_port(struct sim_evtchn *e, uint32_t number, const char *what)
{
	struct sim_process *process = process_of(e);
	struct sim_port *port = numbers_get(&process->domain->ports, number);

	if (port && port->handle == e)
		return port;
	sim_violation(process->sim, process, "%s of port %u, which is none of the handle's", what, number);
	return NULL;
}

/* -- handles -- */

int sim_evtchn_open(struct sim_process *process, struct xen_platform_evtchn **out)
{
	struct sim_evtchn *e = calloc(1, sizeof(*e));
	int err = e ? sim_token_add(process, &e->token, SIM_TOKEN_EVTCHN) : -ENOMEM;

	if (err) {
		free(e);
		return err;
	}
	e->xce.platform = &process->platform;
	list_init(&e->ports);
	list_init(&e->ready);
	list_add_tail(&process->evtchns, &e->link);
	*out = &e->xce;
	return 0;
}

void sim_evtchn_end(struct sim_evtchn *e)
{
	while (!list_empty(&e->ports))
		sim_port_release(list_first(&e->ports, struct sim_port, link));
}

void sim_evtchn_free(struct sim_evtchn *e)
{
	sim_evtchn_end(e);
	sim_token_forget(&e->token);
	sim_token_del(&e->token);
	list_del(&e->link);
	free(e);
}

/* -- binding -- */

int sim_bind_unbound(struct sim_evtchn *e, uint32_t domid)
{
	struct sim_process *process = process_of(e);
	struct sim_domain *remote = sim_domain_named(process, domid);
	struct sim_port *port;
	int err;

	if (!remote)
		return -ESRCH;
	err = sim_port_new(process->domain, remote->serial, &port);
	if (err)
		return err;
	sim_port_give(port, e);
	return (int)port->number;
}

int sim_bind_interdomain(struct sim_evtchn *e, uint32_t domid, uint32_t number)
{
	struct sim_process *process = process_of(e);
	struct sim_domain *domain = sim_domain_named(process, domid);
	struct sim_port *remote, *port;
	int err;

	if (!domain)
		return -ESRCH;
	remote = numbers_get(&domain->ports, number);
	if (!remote || remote->offered_to != process->domain->serial) /* a bound one is offered to nobody */
		return -EINVAL;
	err = port_on_channel(process->domain, remote->channel, !remote->side, &port);
	if (err)
		return err;
	remote->offered_to = 0;
	/* What the remote end sent before there was a peer went nowhere: let this one look. */
	port->channel->pending[port->side] = true;
	sim_port_give(port, e);
	return (int)port->number;
}

int sim_bind_virq(struct sim_evtchn *e, unsigned int virq)
{
	struct sim_process *process = process_of(e);
	struct sim_port *port;
	int err;

	if (virq != VIRQ_DOM_EXC)
		return -EINVAL;
	if (process->domid)
		return -EPERM;
	if (process->sim->dom_exc)
		return -EEXIST;
	err = sim_port_new(process->domain, 0, &port);
	if (err)
		return err;
	port->channel->virq = true;
	process->sim->dom_exc = port;
	sim_port_give(port, e);
	return (int)port->number;
}

int sim_unbind(struct sim_evtchn *e, uint32_t number)
{
	struct sim_port *port = own_port(e, number, "unbind");

	if (!port)
		return -EINVAL;
	sim_port_release(port);
	return 0;
}

/* -- events -- */

int sim_evtchn_notify(struct sim_evtchn *e, uint32_t number)
{
	struct sim_port *port = own_port(e, number, "notify");

	if (!port || port->channel->virq)
		return -EINVAL;
	sim_channel_raise(port->channel, !port->side);
	return 0;
}

static struct sim_port *nth_ready(struct sim_evtchn *e, unsigned int n)
{
	struct list *link = e->ready.next;

	while (n--)
		link = link->next;
	return list_entry(link, struct sim_port, ready);
}

/* Any that is ready, but none is passed over for ever. */
static struct sim_port *choose_ready(struct sim_evtchn *e)
{
	unsigned int n = 0;

	if (list_first(&e->ready, struct sim_port, ready)->passed >= PASSED_MOST)
		return nth_ready(e, 0);
	list_for_each (link, &e->ready)
		n++;
	return nth_ready(e, sim_choose(process_of(e)->sim, n));
}

int sim_pending(struct sim_evtchn *e)
{
	struct sim_process *process = process_of(e);
	struct sim_port *port;

	if (list_empty(&e->ready))
		return -EAGAIN;
	port = choose_ready(e);
	port->channel->pending[port->side] = false;
	port->masked = true;
	make_ready(port);
	list_for_each (link, &e->ready)
		list_entry(link, struct sim_port, ready)->passed++;
	sim_tell(process->sim, process, "port %u", port->number);
	return (int)port->number;
}

int sim_unmask(struct sim_evtchn *e, uint32_t number)
{
	struct sim_port *port = own_port(e, number, "unmask");

	if (!port)
		return -EINVAL;
	port->masked = false;
	make_ready(port);
	return 0;
}
