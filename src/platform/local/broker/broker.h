/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_BROKER_H
#define PLATFORM_LOCAL_BROKER_H
/*
 * The broker's objects and who owns whom. One loop, no threads; nothing a client says is believed.
 *
 *      broker --- domain --- connection --- object: evtchn handle --- port ----.
 *         |          |            |         object: gnttab handle --- object: mapping
 *         |          |            |         object: gntshr handle --- object: share --- grants
 *         |          |            `-------- number of each object, from one table a connection
 *         |          `---- tables of port numbers and of grant references
 *         `--- process: the first of a domain; outlives it until reaped
 *
 * Two things have several owners and count them: a segment (pages made together: its share, each mapping,
 * each notification) and a channel (two eventfds: its ports, each notification).
 * Numbers a client sends are looked up in its own connection's or domain's table, so it cannot name what
 * is another's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <base/list.h>
#include <base/numbers.h>
#include <xenbus/host.h>
#include <xenbus/local.h>
#include <xenbus/platform.h>

#include "../message.h"
#include "../protocol.h"
#include "account.h"

struct broker_handle;
struct broker_process;
struct broker_port;
struct broker_share;

struct broker_domain {
	struct xen_local_broker *broker;
	uint32_t domid;
	uint64_t serial;	      /* never reused, unlike domid: who an offer or a grant was made to */
	struct list connections;      /* of broker_connection.link */
	struct numbers ports, grants; /* of broker_port, broker_grant */
	struct account *account;
	struct xenbus_source hello;	/* the broker's end of the domain descriptor */
	int descriptor;			/* the other end, handed out */
	struct broker_process *process; /* NULL: none yet */

	/* A domU's way to the store; all NULL in dom0. */
	struct broker_share *store_share;
	struct broker_port *store_port;
	struct broker_connection *store_holder; /* has the ring page mapped */
};

struct broker_connection {
	struct xen_local_broker *broker;
	struct broker_domain *domain; /* NULL: the toolstack's */
	struct list link;	      /* domain->connections, or broker->tools */
	struct xenbus_source source;
	int fd;
	bool waiting;		/* its reply comes later: take no more requests */
	struct numbers objects; /* of broker_object */
	struct list handles;	/* of broker_object.link */
};

enum broker_kind { OBJECT_EVTCHN, OBJECT_GNTTAB, OBJECT_GNTSHR, OBJECT_MAPPING, OBJECT_SHARE };

/* What a connection holds and has a number for. */
struct broker_object {
	enum broker_kind kind;
	uint32_t id;
	struct broker_connection *connection;
	struct broker_handle *in; /* NULL: it is a handle itself */
	struct list link;	  /* connection->handles, or in->parts */
};

struct broker_handle {
	struct broker_object object;
	struct list parts; /* mappings, shares: broker_object.link; ports: broker_port.link */
};

struct xen_local_broker {
	struct xenbus_host *host;
	struct xenbus_source listener, signals;
	int listen_fd, signal_fd, lock_fd;
	char *socket_path;
	struct rlimit old_nofile; /* what domains get */
	uint64_t last_serial;
	uint32_t last_domid;
	struct account account; /* all domains together */
	struct broker_domain *domains[XEN_PLATFORM_DOMID_FIRST_RESERVED];
	struct list tools;	     /* of broker_connection.link */
	struct list processes;	     /* of broker_process.link */
	struct broker_port *dom_exc; /* who bound VIRQ_DOM_EXC */
	struct xenbus_timer patience;
	bool ending;
};

/* What a request is answered with; @fds are borrowed. */
struct broker_answer {
	struct local_reply reply;
	uint32_t words; /* of reply's tail in use */
	bool later;	/* not now: broker_reply() follows */
	struct message_fds fds;
};

/* A request's function: fills @a and returns >= 0, or -errno for the client, or BROKEN. */
typedef int broker_op(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		      struct broker_answer *a);
#define BROKEN INT32_MIN /* the client broke the protocol: it loses its connection */

#endif
