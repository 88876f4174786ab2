/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_INTERRUPT_H
#define _LINUX_INTERRUPT_H
#include <linux/compiler.h>
#include <linux/irqreturn.h>
#include <linux/kernel.h>

#define IRQF_SHARED 0x80u
#define IRQF_ONESHOT 0x2000u
#define IRQF_NO_SUSPEND 0x4000u
typedef irqreturn_t (*irq_handler_t)(int irq, void *dev_id);

/* Of an irq of <xen/events.h>. Nested; an event that comes meanwhile is seen when it is enabled again. */
void disable_irq(unsigned int irq) LINUX_SYMBOL(disable_irq);
void enable_irq(unsigned int irq) LINUX_SYMBOL(enable_irq);
#define disable_irq_nosync(irq) disable_irq(irq)
#define synchronize_irq(irq) \
	do {                 \
	} while (0)

int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name, void *dev)
	LINUX_REFUSED("the interrupts of a module are event channels; bind_evtchn_to_irqhandler()");
int request_threaded_irq(unsigned int irq, irq_handler_t handler, irq_handler_t thread_fn,
			 unsigned long flags, const char *name, void *dev)
	LINUX_REFUSED("handlers run on the loop; hand work to a work_struct");

#endif
