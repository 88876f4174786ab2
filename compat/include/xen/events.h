/* SPDX-License-Identifier: MIT */
#ifndef _XEN_EVENTS_H
#define _XEN_EVENTS_H
/*
 * Event channels, bound to irqs: small numbers of this process. A handler runs on the loop between callbacks and may
 * not wait. lateeoi: no further event of the channel is delivered until xen_irq_lateeoi().
 */
#include <asm/xen/hypercall.h>
#include <linux/interrupt.h>
#include <xen/interface/event_channel.h>

struct xenbus_device;

/* The irq, > 0. -EINVAL: the port is none of this module's; -EBUSY it is bound; -ENOMEM. What was pending is delivered. */
int bind_evtchn_to_irqhandler(evtchn_port_t evtchn, irq_handler_t handler, unsigned long irqflags,
			      const char *devname, void *dev_id) LINUX_SYMBOL(bind_evtchn_to_irqhandler);
int bind_evtchn_to_irqhandler_lateeoi(evtchn_port_t evtchn, irq_handler_t handler, unsigned long irqflags,
				      const char *devname, void *dev_id)
	LINUX_SYMBOL(bind_evtchn_to_irqhandler_lateeoi);
/* Binds the port that the other end of @dev offers. */
int bind_interdomain_evtchn_to_irqhandler_lateeoi(struct xenbus_device *dev, evtchn_port_t remote_port,
						  irq_handler_t handler, unsigned long irqflags,
						  const char *devname, void *dev_id)
	LINUX_SYMBOL(bind_interdomain_evtchn_to_irqhandler_lateeoi);
/* Closes the event channel, too. */
void unbind_from_irqhandler(unsigned int irq, void *dev_id) LINUX_SYMBOL(unbind_from_irqhandler);
#define XEN_EOI_FLAG_SPURIOUS 1u
void xen_irq_lateeoi(unsigned int irq, unsigned int eoi_flags) LINUX_SYMBOL(xen_irq_lateeoi);
void notify_remote_via_irq(int irq) LINUX_SYMBOL(notify_remote_via_irq);
void notify_remote_via_evtchn(evtchn_port_t port) LINUX_SYMBOL(notify_remote_via_evtchn);
evtchn_port_t evtchn_from_irq(unsigned int irq) LINUX_SYMBOL(evtchn_from_irq); /* 0: none */
unsigned int irq_from_evtchn(evtchn_port_t evtchn) LINUX_SYMBOL(irq_from_evtchn);
#define xen_set_irq_priority(irq, priority) 0
#define evtchn_make_refcounted(evtchn) 0
#define evtchn_get(evtchn) 0
#define evtchn_put(evtchn) \
	do {               \
	} while (0)

int bind_virq_to_irqhandler(unsigned int virq, unsigned int cpu, irq_handler_t handler,
			    unsigned long irqflags, const char *devname, void *dev_id)
	LINUX_REFUSED("virtual interrupts are the kernel's");
int bind_evtchn_to_irq(evtchn_port_t evtchn)
	LINUX_REFUSED("there is no request_irq() for it; bind_evtchn_to_irqhandler()");
int bind_evtchn_to_irq_lateeoi(evtchn_port_t evtchn)
	LINUX_REFUSED("there is no request_irq() for it; bind_evtchn_to_irqhandler_lateeoi()");
int bind_interdomain_evtchn_to_irq_lateeoi(struct xenbus_device *dev, evtchn_port_t remote_port)
	LINUX_REFUSED("there is no request_irq() for it; bind_interdomain_evtchn_to_irqhandler_lateeoi()");
int bind_interdomain_evtchn_to_irqhandler(unsigned int remote_domain, evtchn_port_t remote_port,
					  irq_handler_t handler, unsigned long irqflags, const char *devname,
					  void *dev_id)
	LINUX_REFUSED("Linux has dropped it; bind_interdomain_evtchn_to_irqhandler_lateeoi()");

#endif
