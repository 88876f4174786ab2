/* SPDX-License-Identifier: MIT */
/* Event channels as irqs. A port is known here from the moment it is made, bound to a handler or not. */
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/events.h>
#include <xen/xen.h>
#include <xen/xenbus.h>
#include "runtime.h"

struct irq_desc {
	struct list_head link; /* rt.irqs */
	evtchn_port_t port;
	unsigned int irq; /* 0: no handler yet */
	irq_handler_t handler;
	void *dev_id;
	const char *name, *where;
	unsigned int disabled; /* depth */
	bool lateeoi;
	bool masked;  /* an event was taken, and the next one waits */
	bool pending; /* an event was taken, and no handler has seen it */
};

static struct irq_desc *find_port(evtchn_port_t port)
{
	struct irq_desc *desc;

	list_for_each_entry(desc, &rt.irqs, link) if (desc->port == port) return desc;
	return NULL;
}

static struct irq_desc *find_irq(unsigned int irq)
{
	struct irq_desc *desc;

	list_for_each_entry(desc, &rt.irqs, link) if (irq && desc->irq == irq) return desc;
	return NULL;
}

/* A port, or an error, of the bridge's. */
static int port_new(int port, const char *where)
{
	struct irq_desc *desc;

	if (port < 0)
		return port;
	desc = calloc(1, sizeof(*desc));
	if (!desc) {
		bridge_evtchn_close((uint32_t)port);
		return -ENOMEM;
	}
	desc->port = (evtchn_port_t)port;
	desc->where = where;
	list_add_tail(&desc->link, &rt.irqs);
	return port;
}

static void port_close(struct irq_desc *desc)
{
	bridge_evtchn_close(desc->port);
	list_del(&desc->link);
	free(desc);
}

/* What was taken while nobody could see it. */
static void deliver(struct irq_desc *desc)
{
	evtchn_port_t port = desc->port;

	if (!desc->handler || desc->disabled) {
		desc->pending = true;
		return;
	}
	desc->pending = false;
	if (!desc->lateeoi) {
		desc->masked = false;
		bridge_evtchn_unmask(port); /* before the handler: what comes while it runs is not lost */
	}
	desc->handler((int)desc->irq, desc->dev_id);
}

void linux_on_event(uint32_t port)
{
	struct irq_desc *desc = find_port(port);

	if (!desc)
		return;
	rt.local = (struct fiber_local){ 0 };
	desc->masked = true;
	deliver(desc);
}

/* A handler is called from the loop only: the event is made to come again. */
static void deliver_later(struct irq_desc *desc)
{
	if (!desc->pending)
		return;
	bridge_evtchn_again(desc->port);
}

static int bind(struct irq_desc *desc, irq_handler_t handler, const char *name, void *dev_id, bool lateeoi)
{
	if (!desc)
		return -EINVAL;
	if (desc->irq)
		return -EBUSY;
	desc->irq = (unsigned int)++rt.last_irq;
	desc->handler = handler;
	desc->dev_id = dev_id;
	desc->name = name;
	desc->lateeoi = lateeoi;
	deliver_later(desc);
	return (int)desc->irq;
}

int bind_evtchn_to_irqhandler(evtchn_port_t evtchn, irq_handler_t handler, unsigned long irqflags,
			      const char *devname, void *dev_id)
{
	return bind(find_port(evtchn), handler, devname, dev_id, false);
}

int bind_evtchn_to_irqhandler_lateeoi(evtchn_port_t evtchn, irq_handler_t handler, unsigned long irqflags,
				      const char *devname, void *dev_id)
{
	return bind(find_port(evtchn), handler, devname, dev_id, true);
}

int bind_interdomain_evtchn_to_irqhandler_lateeoi(struct xenbus_device *dev, evtchn_port_t remote_port,
						  irq_handler_t handler, unsigned long irqflags,
						  const char *devname, void *dev_id)
{
	int port = port_new(bridge_evtchn_bind((unsigned int)dev->otherend_id, remote_port), devname);

	return port < 0 ? port : bind(find_port((evtchn_port_t)port), handler, devname, dev_id, true);
}

void unbind_from_irqhandler(unsigned int irq, void *dev_id)
{
	struct irq_desc *desc = find_irq(irq);

	if (!WARN(!desc, "unbind_from_irqhandler(): there is no irq %u\n", irq) &&
	    !WARN(desc->dev_id != dev_id, "unbind_from_irqhandler(): irq %u has another dev_id\n", irq))
		port_close(desc);
}

void xen_irq_lateeoi(unsigned int irq, unsigned int eoi_flags)
{
	struct irq_desc *desc = find_irq(irq);

	if (!desc || !desc->lateeoi || !desc->masked || desc->pending)
		return;
	desc->masked = false;
	bridge_evtchn_unmask(desc->port);
}

void disable_irq(unsigned int irq)
{
	struct irq_desc *desc = find_irq(irq);

	if (desc)
		desc->disabled++;
}

void enable_irq(unsigned int irq)
{
	struct irq_desc *desc = find_irq(irq);

	if (desc && !WARN_ON(!desc->disabled) && !--desc->disabled)
		deliver_later(desc);
}

void notify_remote_via_evtchn(evtchn_port_t port)
{
	bridge_evtchn_notify(port);
}

void notify_remote_via_irq(int irq)
{
	struct irq_desc *desc = find_irq((unsigned int)irq);

	if (desc)
		bridge_evtchn_notify(desc->port);
}

evtchn_port_t evtchn_from_irq(unsigned int irq)
{
	struct irq_desc *desc = find_irq(irq);

	return desc ? desc->port : 0;
}

unsigned int irq_from_evtchn(evtchn_port_t evtchn)
{
	struct irq_desc *desc = find_port(evtchn);

	return desc ? desc->irq : 0;
}

int linux_alloc_evtchn(struct xenbus_device *dev, evtchn_port_t *port, const char *where)
{
	int got = port_new(bridge_evtchn_alloc((unsigned int)dev->otherend_id), where);

	if (got < 0) {
		xenbus_dev_fatal(dev, got, "allocating event channel");
		return got;
	}
	*port = (evtchn_port_t)got;
	return 0;
}

int xenbus_free_evtchn(struct xenbus_device *dev, evtchn_port_t port)
{
	struct irq_desc *desc = find_port(port);

	if (!desc) {
		xenbus_dev_error(dev, -EINVAL, "freeing event channel %u", port);
		return -EINVAL;
	}
	port_close(desc);
	return 0;
}

static int close_port(evtchn_port_t port)
{
	struct irq_desc *desc = find_port(port);

	if (!desc)
		return -EINVAL;
	port_close(desc);
	return 0;
}

int HYPERVISOR_event_channel_op(int cmd, void *arg)
{
	struct evtchn_alloc_unbound *alloc = arg;
	struct evtchn_bind_interdomain *interdomain = arg;
	int port;

	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		port = alloc->dom == DOMID_SELF || alloc->dom == linux_own_domid()
			       ? port_new(bridge_evtchn_alloc(alloc->remote_dom), "EVTCHNOP_alloc_unbound")
			       : -EPERM;
		alloc->port = port < 0 ? 0 : (evtchn_port_t)port;
		return min(port, 0);
	case EVTCHNOP_bind_interdomain:
		port = port_new(bridge_evtchn_bind(interdomain->remote_dom, interdomain->remote_port),
				"EVTCHNOP_bind_interdomain");
		interdomain->local_port = port < 0 ? 0 : (evtchn_port_t)port;
		return min(port, 0);
	case EVTCHNOP_close:
		return close_port(((struct evtchn_close *)arg)->port);
	case EVTCHNOP_send:
		bridge_evtchn_notify(((struct evtchn_send *)arg)->port);
		return 0;
	case EVTCHNOP_unmask:
		bridge_evtchn_unmask(((struct evtchn_unmask *)arg)->port);
		return 0;
	default:
		return -ENOSYS;
	}
}

unsigned int linux_own_domid(void)
{
	return bridge_own_domid();
}

void events_reclaim(void)
{
	struct irq_desc *desc, *next;

	list_for_each_entry_safe(desc, next, &rt.irqs, link)
	{
		if (desc->irq)
			leak("event channel %u, bound to '%s'", desc->port, desc->name);
		else
			leak("event channel %u, from %s", desc->port, desc->where);
		port_close(desc);
	}
}
