/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_PROCESS_H
#define PLATFORM_LOCAL_BROKER_PROCESS_H
/* The first process of a domain: started, waited for, and its session killed with the domain. */
#include <sys/types.h>

#include "broker.h"

struct broker_process {
	struct xen_local_broker *broker;
	struct list link;		/* broker->processes */
	struct broker_domain *domain;	/* NULL: has ended, the process is being waited for */
	struct broker_connection *tool; /* who is told; NULL: nobody any more */
	uint32_t domid;
	pid_t pid;
	struct xenbus_source died;    /* a pidfd */
	struct xenbus_source started; /* while it starts: a pipe that exec closes, or says why it failed */
	bool starting;
};

/* The domain has ended: kills it and its session; it is reaped when it is dead. */
void process_kill(struct broker_process *process);
/* @tool goes: it is not told any more. */
void process_forget_tool(struct broker_connection *tool);

broker_op op_domain_spawn;

#endif
