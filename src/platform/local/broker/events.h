/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_EVENTS_H
#define PLATFORM_LOCAL_BROKER_EVENTS_H
/*
 * Event channels.
 *
 *      port (side 0)                        port (side 1)
 *        reads in[0]  <--- eventfd in[0] <---  writes
 *        writes       ---> eventfd in[1] --->  reads in[1]
 *
 * Pending is a counter that is not 0; the mask is the reader's (platform/local/evtchn.c). The channel stays
 * when one side closes its port: the other is then unbound, offered to the closer's domain again, and its
 * notifications go nowhere.
 */
#include "broker.h"

struct broker_channel {
	uint32_t refs;
	int in[2]; /* -1: a virq has one side */
	struct account *payer;
};

struct broker_port {
	uint32_t number;
	struct broker_domain *domain;
	struct broker_handle *handle; /* NULL: a store port that no process has */
	struct list link;	      /* handle->parts */
	struct broker_channel *channel;
	int side;
	struct broker_port *peer;
	uint64_t offered_to; /* serial of the domain that may bind an unbound port; 0: nobody */
};

void channel_get(struct broker_channel *channel);
void channel_put(struct broker_channel *channel);
/* Makes the port at @side pending. Never blocks, whatever clients did to the eventfd. */
void channel_raise(struct broker_channel *channel, int side);

/* A new unbound port of @domain, offered to the domain @offered_to, in no handle. 0; -ENOSPC; -ENOMEM. */
int port_new(struct broker_domain *domain, uint64_t offered_to, struct broker_port **out);
void port_free(struct broker_port *port);
/* The process that had it lets go: a store port waits for the next one, any other is freed. */
void port_release(struct broker_port *port);
/* @number as a port of the connection's, NULL where it is none. */
struct broker_port *port_of(struct broker_connection *c, uint32_t number);
/* Puts in and out descriptor into the answer. */
void port_answer(const struct broker_port *port, struct broker_answer *a);

broker_op op_bind_unbound, op_bind_interdomain, op_bind_virq, op_unbind;

#endif
