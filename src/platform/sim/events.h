/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SIM_EVENTS_H
#define PLATFORM_SIM_EVENTS_H
/* Event channels, and the notifications at the end of shares and mappings that go through them; drawn in evtchn.c. */
#include "sim_impl.h"

struct sim_evtchn {
	struct xen_platform_evtchn xce;
	struct sim_token token;
	struct list link;  /* process->evtchns */
	struct list ports; /* of sim_port.link */
	struct list ready; /* of sim_port.ready: pending and not masked, in the order of becoming so */
};

/* Stays when one side closes its port: the other is then offered to the closer's domain again. */
struct sim_channel {
	uint32_t refs;
	bool virq;	 /* one side only */
	bool pending[2]; /* by side */
	struct sim_port *port[2];
};

struct sim_port {
	uint32_t number;
	struct sim_domain *domain;
	struct sim_evtchn *handle; /* NULL: a store port that no process has */
	struct list link, ready;
	struct sim_channel *channel;
	int side;
	bool masked;
	unsigned int passed; /* how often another was taken before it */
	uint64_t offered_to; /* serial of the domain that may bind an unbound port; 0: nobody */
};

/* What happens when a share or a mapping ends. */
struct sim_notify {
	struct sim_segment *segment; /* NULL: no byte */
	uint64_t at;		     /* of the byte in the arena */
	struct sim_channel *channel; /* NULL: no event */
	int side;		     /* to be made pending */
};

int sim_port_new(struct sim_domain *domain, uint64_t offered_to, struct sim_port **out);
void sim_port_free(struct sim_port *port);
/* The handle that had it lets go: a store port waits for the next one, any other is freed. */
void sim_port_release(struct sim_port *port);
void sim_port_give(struct sim_port *port, struct sim_evtchn *handle);
void sim_channel_put(struct sim_channel *channel);
void sim_channel_raise(struct sim_channel *channel, int side);
/* As asked for by a call of @process for page @page of @segment. 0; -EINVAL. */
int sim_notify_set(struct sim_notify *notify, struct sim_process *process,
		   const struct xen_platform_notify *asked, struct sim_segment *segment, uint32_t page);
/* Clears the byte, then raises the event. */
void sim_notify_fire(struct sim_notify *notify);
void sim_notify_drop(struct sim_notify *notify);
/* The ports go; the handle stays, for its owner to close. */
void sim_evtchn_end(struct sim_evtchn *e);
void sim_evtchn_free(struct sim_evtchn *e);

int sim_evtchn_open(struct sim_process *process, struct xen_platform_evtchn **out);
int sim_bind_unbound(struct sim_evtchn *e, uint32_t domid);
int sim_bind_interdomain(struct sim_evtchn *e, uint32_t domid, uint32_t remote);
int sim_bind_virq(struct sim_evtchn *e, unsigned int virq);
int sim_unbind(struct sim_evtchn *e, uint32_t port);
int sim_evtchn_notify(struct sim_evtchn *e, uint32_t port);
int sim_pending(struct sim_evtchn *e);
int sim_unmask(struct sim_evtchn *e, uint32_t port);

#endif
