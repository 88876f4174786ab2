/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection.h"
#include "domain.h"
#include "events.h"
#include "grants.h"
#include "process.h"

#define DOMID_END XEN_PLATFORM_DOMID_FIRST_RESERVED

struct broker_domain *domain_find(struct xen_local_broker *broker, uint32_t domid)
{
	return domid < DOMID_END ? broker->domains[domid] : NULL;
}

struct broker_domain *domain_named(struct broker_connection *c, uint32_t domid)
{
	return domid == XEN_PLATFORM_DOMID_SELF ? c->domain : domain_find(c->broker, domid);
}

int domain_free_id(struct xen_local_broker *broker)
{
	uint32_t domid = broker->last_domid;

	for (uint32_t tries = 1; tries < DOMID_END; tries++) {
		domid = domid + 1 < DOMID_END ? domid + 1 : 1;
		if (!broker->domains[domid])
			return (int)domid;
	}
	return -ENOSPC;
}

/* -- who joins: over the domain descriptor, which the whole domain shares and which is never answered -- */

/* Not the domain descriptor itself either: nobody could ever hang up on that connection. */
static bool may_answer_over(const struct broker_domain *domain, int fd)
{
	struct stat door, sock;

	int family = 0, type = 0;
	socklen_t len = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) && family == AF_UNIX &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET &&
	       !fstat(domain->descriptor, &door) && !fstat(fd, &sock) && door.st_ino != sock.st_ino;
}

static void greet(struct broker_domain *domain, int sock)
{
	struct broker_answer a = { .reply.op = LOCAL_HELLO, .reply.count = domain->domid };
	struct broker_connection *c;
	int err = connection_new(domain->broker, domain, sock, &c);

	if (err) {
		a.reply.result = err;
		message_send(sock, &a.reply, LOCAL_HEAD(local_reply, refs), NULL, MSG_DONTWAIT);
		close(sock);
	} else if (connection_send(c, &a)) {
		connection_free(c);
	}
}

static void hello(struct xenbus_source *source, unsigned int events)
{
	struct broker_domain *domain = list_entry(source, struct broker_domain, hello);
	struct local_request r;
	struct message_fds fds;
	int len = message_recv(source->fd, &r, sizeof(r), &fds, MSG_DONTWAIT);

	if (len == LOCAL_HEAD(local_request, refs) && r.op == LOCAL_HELLO && r.count == LOCAL_VERSION &&
	    fds.n == 1 && may_answer_over(domain, fds.fd[0]))
		greet(domain, fds.fd[--fds.n]);
	message_close_fds(&fds);
}

static int open_door(struct broker_domain *domain)
{
	int pair[2], err = account_take(domain->account, RESOURCE_DESCRIPTORS, 2);

	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		err = -ENOSPC;
		goto give;
	}
	domain->hello.ready = hello;
	domain->descriptor = pair[1];
	err = xenbus_source_add(domain->broker->host, &domain->hello, pair[0], XENBUS_SOURCE_READ);
	if (err)
		goto close_pair;
	return 0;

close_pair:
	close(pair[0]);
	close(pair[1]);
give:
	account_give(domain->account, RESOURCE_DESCRIPTORS, 2);
	return err;
}

static void close_door(struct broker_domain *domain)
{
	int fd = domain->hello.fd;

	xenbus_source_remove(domain->broker->host, &domain->hello);
	close(fd);
	close(domain->descriptor);
	account_give(domain->account, RESOURCE_DESCRIPTORS, 2);
}

/* -- beginning and end -- */

static int make_store(struct broker_domain *domain)
{
	uint64_t dom0 = domain->broker->domains[0]->serial;
	int err = store_share_new(domain, dom0, &domain->store_share);

	if (err)
		return err;
	err = port_new(domain, dom0, &domain->store_port);
	if (err) {
		share_free(domain->store_share);
		domain->store_share = NULL;
	}
	return err;
}

static void domain_free(struct broker_domain *domain)
{
	if (domain->store_port)
		port_free(domain->store_port);
	if (domain->store_share)
		share_free(domain->store_share);
	numbers_deinit(&domain->ports);
	numbers_deinit(&domain->grants);
	account_abandon(domain->account);
	free(domain);
}

static struct broker_domain *domain_alloc(struct xen_local_broker *broker, uint32_t domid)
{
	struct broker_domain *domain = calloc(1, sizeof(*domain));

	if (!domain)
		return NULL;
	domain->account = account_new(&broker->account, domid);
	if (!domain->account) {
		free(domain);
		return NULL;
	}
	domain->broker = broker;
	domain->domid = domid;
	domain->serial = ++broker->last_serial;
	list_init(&domain->connections);
	numbers_init(&domain->ports, 1, 65536);
	numbers_init(&domain->grants, LOCAL_FIRST_REF, 1u << 20);
	return domain;
}

int domain_new(struct xen_local_broker *broker, uint32_t domid, struct broker_domain **out)
{
	struct broker_domain *domain;
	int err;

	assert(domid < DOMID_END && (!domid || broker->domains[0]));
	if (broker->domains[domid])
		return -EEXIST;
	domain = domain_alloc(broker, domid);
	if (!domain)
		return -ENOMEM;
	err = domid ? make_store(domain) : 0;
	if (!err)
		err = open_door(domain);
	if (err) {
		domain_free(domain);
		return err;
	}
	broker->domains[domid] = domain;
	*out = domain;
	return 0;
}

void domain_end(struct broker_domain *domain)
{
	struct xen_local_broker *broker = domain->broker;

	broker->domains[domain->domid] = NULL;
	if (domain->process)
		process_kill(domain->process);
	while (!list_empty(&domain->connections))
		connection_free(list_first(&domain->connections, struct broker_connection, link));
	close_door(domain);
	domain_free(domain);
	if (broker->dom_exc)
		channel_raise(broker->dom_exc->channel, 0);
}

/* -- requests -- */

int op_domain_info(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		   struct broker_answer *a)
{
	if (c->domain->domid)
		return -EPERM;
	a->reply.count = domain_named(c, r->domid) ? XEN_PLATFORM_DOMAIN_EXISTS : 0;
	return 0;
}

int op_store_ring(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
		  struct broker_answer *a)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_EVTCHN);
	struct broker_domain *domain = c->domain;
	struct broker_port *port = domain->store_port;

	if (!handle)
		return BROKEN;
	if (!port)
		return -ENOSYS;
	if (domain->store_holder || port->handle)
		return -EBUSY;
	domain->store_holder = c;
	port->handle = handle;
	list_add_tail(&handle->parts, &port->link);
	channel_raise(port->channel, port->side); /* what came for the process before: let this one look */
	a->fds.fd[a->fds.n++] = domain->store_share->segment->fd;
	port_answer(port, a);
	return 0;
}

int op_store_ring_release(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
			  struct broker_answer *a)
{
	if (c->domain->store_holder != c)
		return BROKEN;
	c->domain->store_holder = NULL;
	return 0;
}
