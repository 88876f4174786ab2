/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_DOMAIN_H
#define PLATFORM_LOCAL_BROKER_DOMAIN_H
/* Domains: made, found, ended. */
#include "broker.h"

/* @domid (0 only for dom0, which is made first). 0; -EEXIST; -ENOSPC; -ENOMEM. */
int domain_new(struct xen_local_broker *broker, uint32_t domid, struct broker_domain **out);
/* The next domid that is free; -ENOSPC. */
int domain_free_id(struct xen_local_broker *broker);
/* All of it ends: its processes, connections, ports, grants; VIRQ_DOM_EXC is raised. */
void domain_end(struct broker_domain *domain);
/* As a client names it, DOMID_SELF included; NULL: there is none. */
struct broker_domain *domain_named(struct broker_connection *c, uint32_t domid);
struct broker_domain *domain_find(struct xen_local_broker *broker, uint32_t domid);

broker_op op_domain_info, op_store_ring, op_store_ring_release;

#endif
