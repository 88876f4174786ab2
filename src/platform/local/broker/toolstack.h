/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_TOOLSTACK_H
#define PLATFORM_LOCAL_BROKER_TOOLSTACK_H
/* What dom0's toolstack may ask for. */
#include "broker.h"

broker_op op_domain_create, op_domain_store, op_domain_fd, op_domain_destroy, op_domains, op_stats, op_down;

/* Ends all domains; the loop stops when their processes are reaped, or at once where there are none. */
void broker_end(struct xen_local_broker *broker);

#endif
