/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "domain.h"
#include "events.h"
#include "grants.h"
#include "process.h"
#include "toolstack.h"

/* -- objects -- */

static struct broker_object *object_of(struct broker_connection *c, uint32_t id, enum broker_kind kind)
{
	struct broker_object *object = numbers_get(&c->objects, id);

	return object && object->kind == kind ? object : NULL;
}

struct broker_handle *handle_of(struct broker_connection *c, uint32_t id, enum broker_kind kind)
{
	return (struct broker_handle *)object_of(c, id, kind);
}

struct broker_object *part_of(struct broker_handle *handle, uint32_t id, enum broker_kind kind)
{
	struct broker_object *object = object_of(handle->object.connection, id, kind);

	return object && object->in == handle ? object : NULL;
}

int object_add(struct broker_connection *c, struct broker_object *object, struct broker_handle *in)
{
	int64_t id = numbers_add(&c->objects, object);

	if (id < 0)
		return (int)id;
	object->id = (uint32_t)id;
	object->connection = c;
	object->in = in;
	list_add_tail(in ? &in->parts : &c->handles, &object->link);
	return 0;
}

void object_del(struct broker_object *object)
{
	list_del(&object->link);
	numbers_del(&object->connection->objects, object->id);
}

static void free_part(struct broker_handle *handle)
{
	struct list *first = handle->parts.next;

	switch (handle->object.kind) {
	case OBJECT_EVTCHN:
		port_release(list_entry(first, struct broker_port, link));
		return;
	case OBJECT_GNTTAB:
		mapping_free(list_entry(first, struct broker_mapping, object.link));
		return;
	default:
		share_free(list_entry(first, struct broker_share, object.link));
	}
}

static void handle_free(struct broker_handle *handle)
{
	struct account *payer = handle->object.connection->domain->account;

	while (!list_empty(&handle->parts))
		free_part(handle);
	object_del(&handle->object);
	free(handle);
	account_give(payer, RESOURCE_HANDLES, 1);
}

int op_open(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	    struct broker_answer *a)
{
	static const enum broker_kind kinds[] = {
		[LOCAL_EVTCHN] = OBJECT_EVTCHN, [LOCAL_GNTTAB] = OBJECT_GNTTAB, [LOCAL_GNTSHR] = OBJECT_GNTSHR
	};
	struct broker_handle *handle;
	int err;

	if (r->count < LOCAL_EVTCHN || r->count > LOCAL_GNTSHR)
		return BROKEN;
	err = account_take(c->domain->account, RESOURCE_HANDLES, 1);
	if (err)
		return err;
	handle = calloc(1, sizeof(*handle));
	err = handle ? object_add(c, &handle->object, NULL) : -ENOMEM;
	if (err) {
		free(handle);
		account_give(c->domain->account, RESOURCE_HANDLES, 1);
		return err;
	}
	handle->object.kind = kinds[r->count];
	list_init(&handle->parts);
	a->reply.id = handle->object.id;
	return 0;
}

int op_close(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	     struct broker_answer *a)
{
	struct broker_object *object = numbers_get(&c->objects, r->handle);

	if (!object || object->kind > OBJECT_GNTSHR)
		return BROKEN;
	handle_free((struct broker_handle *)object);
	return 0;
}

/* -- requests -- */

enum who { NOBODY, DOMAIN, TOOLSTACK };

static const struct request {
	broker_op *run;
	enum who who;
	int fds;
} requests[LOCAL_OPS] = {
	[LOCAL_OPEN] = { op_open, DOMAIN },
	[LOCAL_CLOSE] = { op_close, DOMAIN },
	[LOCAL_BIND_UNBOUND] = { op_bind_unbound, DOMAIN },
	[LOCAL_BIND_INTERDOMAIN] = { op_bind_interdomain, DOMAIN },
	[LOCAL_BIND_VIRQ] = { op_bind_virq, DOMAIN },
	[LOCAL_UNBIND] = { op_unbind, DOMAIN },
	[LOCAL_MAP] = { op_map, DOMAIN },
	[LOCAL_UNMAP] = { op_unmap, DOMAIN },
	[LOCAL_SHARE] = { op_share, DOMAIN },
	[LOCAL_SHARED] = { op_shared, DOMAIN },
	[LOCAL_UNSHARE] = { op_unshare, DOMAIN },
	[LOCAL_DOMAIN_INFO] = { op_domain_info, DOMAIN },
	[LOCAL_STORE_RING] = { op_store_ring, DOMAIN },
	[LOCAL_STORE_RING_RELEASE] = { op_store_ring_release, DOMAIN },
	[LOCAL_DOMAIN_CREATE] = { op_domain_create, TOOLSTACK },
	[LOCAL_DOMAIN_STORE] = { op_domain_store, TOOLSTACK },
	[LOCAL_DOMAIN_FD] = { op_domain_fd, TOOLSTACK },
	[LOCAL_DOMAIN_SPAWN] = { op_domain_spawn, TOOLSTACK, 4 },
	[LOCAL_DOMAIN_DESTROY] = { op_domain_destroy, TOOLSTACK },
	[LOCAL_DOMAINS] = { op_domains, TOOLSTACK },
	[LOCAL_STATS] = { op_stats, TOOLSTACK },
	[LOCAL_DOWN] = { op_down, TOOLSTACK },
};

/* Only MAP has a tail: as many refs as it counts. */
static bool well_formed(const struct local_request *r, int len)
{
	size_t head = LOCAL_HEAD(local_request, refs);

	if ((size_t)len < head)
		return false;
	if (r->op != LOCAL_MAP)
		return (size_t)len == head;
	return r->count <= LOCAL_MAX_PAGES && (size_t)len == head + r->count * sizeof(r->refs[0]);
}

int connection_send(struct broker_connection *c, const struct broker_answer *a)
{
	size_t len = LOCAL_HEAD(local_reply, refs) + a->words * sizeof(a->reply.words[0]);

	return message_send(c->fd, &a->reply, len, &a->fds, MSG_DONTWAIT);
}

void connection_send_later(struct broker_connection *c, const struct broker_answer *a)
{
	c->waiting = false;
	if (connection_send(c, a) || xenbus_source_modify(c->broker->host, &c->source, XENBUS_SOURCE_READ))
		connection_free(c);
}

/* A client that asks again before it has read the answer would have us pile up descriptors in flight, of
 * which all processes of a user have a number together. The toolstack may have notices unread. */
static bool read_its_answer(const struct broker_connection *c)
{
	int unread = 0;

	return !c->domain || (!ioctl(c->fd, SIOCOUTQ, &unread) && !unread);
}

/* Returns -errno where the connection must go. */
static int serve(struct broker_connection *c, const struct local_request *r, int len, struct message_fds *fds)
{
	struct broker_answer a;
	const struct request *request;
	int result;

	if (!well_formed(r, len) || r->op >= LOCAL_OPS || !read_its_answer(c))
		return -EPROTO;
	request = &requests[r->op];
	if (request->who != (c->domain ? DOMAIN : TOOLSTACK) || request->fds != fds->n)
		return -EPROTO;
	memset(&a.reply, 0, LOCAL_HEAD(local_reply, refs));
	a.reply.op = r->op;
	a.words = 0;
	a.later = false;
	a.fds.n = 0;
	result = request->run(c, r, fds, &a);
	if (result == BROKEN)
		return -EPROTO;
	if (a.later) {
		c->waiting = true;
		return xenbus_source_modify(c->broker->host, &c->source, 0);
	}
	a.reply.result = result;
	if (result < 0)
		a.fds.n = (int)(a.words = 0);
	return connection_send(c, &a);
}

/* One request a turn, so that nobody starves. */
static void ready(struct xenbus_source *source, unsigned int events)
{
	struct broker_connection *c = list_entry(source, struct broker_connection, source);
	struct local_request r;
	struct message_fds fds;
	int len, err;

	if (c->waiting) { /* only a hang-up gets here */
		connection_free(c);
		return;
	}
	len = message_recv(c->fd, &r, sizeof(r), &fds, MSG_DONTWAIT);
	if (len == -EAGAIN)
		return;
	err = len > 0 ? serve(c, &r, len, &fds) : -EPIPE;
	message_close_fds(&fds);
	if (err)
		connection_free(c);
}

/* -- beginning and end -- */

static struct account *payer_of(struct broker_connection *c)
{
	return c->domain ? c->domain->account : &c->broker->account;
}

int connection_new(struct xen_local_broker *broker, struct broker_domain *domain, int sock,
		   struct broker_connection **out)
{
	struct broker_connection *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->broker = broker;
	c->domain = domain;
	c->fd = sock;
	c->source.ready = ready;
	err = account_take(payer_of(c), RESOURCE_CONNECTIONS, 1);
	if (err)
		goto free_connection;
	err = account_take(payer_of(c), RESOURCE_DESCRIPTORS, 1);
	if (err)
		goto give_connection;
	err = xenbus_source_add(broker->host, &c->source, sock, XENBUS_SOURCE_READ);
	if (err)
		goto give_descriptor;
	numbers_init(&c->objects, 1, UINT32_MAX / sizeof(void *));
	list_init(&c->handles);
	list_add_tail(domain ? &domain->connections : &broker->tools, &c->link);
	*out = c;
	return 0;

give_descriptor:
	account_give(payer_of(c), RESOURCE_DESCRIPTORS, 1);
give_connection:
	account_give(payer_of(c), RESOURCE_CONNECTIONS, 1);
free_connection:
	free(c);
	return err;
}

void connection_free(struct broker_connection *c)
{
	while (!list_empty(&c->handles))
		handle_free(list_first(&c->handles, struct broker_handle, object.link));
	if (c->domain && c->domain->store_holder == c)
		c->domain->store_holder = NULL;
	if (!c->domain)
		process_forget_tool(c);
	numbers_deinit(&c->objects);
	xenbus_source_remove(c->broker->host, &c->source);
	close(c->fd);
	list_del(&c->link);
	account_give_two(payer_of(c), RESOURCE_CONNECTIONS, 1, RESOURCE_DESCRIPTORS, 1);
	free(c);
}
