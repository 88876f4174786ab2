/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "connection.h"
#include "domain.h"
#include "grants.h"

static struct broker_grant *grant_for(struct broker_domain *granter, uint32_t ref, uint64_t mapper,
				      bool write)
{
	struct broker_grant *grant = numbers_get(&granter->grants, ref);

	if (ref == LOCAL_STORE_REF && granter->store_share)
		grant = granter->store_share->grants;
	if (!grant || !grant->share->valid || grant->share->peer != mapper)
		return NULL;
	return write && !grant->share->segment->writable ? NULL : grant;
}

/* Which descriptor of the answer is @segment's; it is added where there is none yet. */
static int place_segment(struct broker_segment *segment, bool write, struct broker_answer *a)
{
	int fd = segment_descriptor(segment, write);
	int i = a->fds.n;

	if (fd < 0)
		return fd;
	while (i-- > 0)
		if (a->fds.fd[i] == fd)
			return i;
	if (a->fds.n == LOCAL_MAX_FDS)
		return -EMSGSIZE;
	a->fds.fd[a->fds.n] = fd;
	return a->fds.n++;
}

static int map_page(struct broker_mapping *m, struct broker_domain *granter, const struct local_request *r,
		    struct broker_answer *a)
{
	struct broker_connection *c = m->object.connection;
	bool write = r->flags & LOCAL_WRITABLE;
	struct broker_grant *grant = grant_for(granter, r->refs[m->count], c->domain->serial, write);
	struct broker_segment *segment;
	int place;

	if (!grant)
		return -EINVAL;
	segment = grant->share->segment;
	place = place_segment(segment, write, a);
	if (place < 0)
		return place;
	a->reply.pages[m->count] = (struct local_page){ (uint16_t)place, (uint16_t)grant->page };
	segment_get(segment);
	segment->mapped[grant->page]++;
	m->pages[m->count].segment = segment;
	m->pages[m->count].page = grant->page;
	m->count++;
	return 0;
}

static void unmap_pages(struct broker_mapping *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		m->pages[i].segment->mapped[m->pages[i].page]--;
		segment_put(m->pages[i].segment);
	}
}

static int map_pages(struct broker_mapping *m, struct broker_handle *handle, struct broker_domain *granter,
		     const struct local_request *r, struct broker_answer *a)
{
	int err = 0;

	while (!err && m->count < r->count)
		err = map_page(m, granter, r, a);
	if (!err)
		err = notify_set(&m->notify, m->object.connection, r, m->pages[0].segment, m->pages[0].page);
	if (!err)
		err = object_add(m->object.connection, &m->object, handle);
	if (err) {
		notify_drop(&m->notify);
		unmap_pages(m);
	}
	return err;
}

static int mapping_new(struct broker_handle *handle, struct broker_domain *granter,
		       const struct local_request *r, struct broker_answer *a, struct broker_mapping **out)
{
	struct account *payer = handle->object.connection->domain->account;
	struct broker_mapping *m = calloc(1, sizeof(*m) + r->count * sizeof(m->pages[0]));
	int err = m ? account_take(payer, RESOURCE_MAPPINGS, r->count) : -ENOMEM;

	if (err)
		goto free_mapping;
	err = account_take(payer, RESOURCE_PARTS, 1);
	if (err)
		goto give_pages;
	m->object.kind = OBJECT_MAPPING;
	m->object.connection = handle->object.connection;
	m->payer = payer;
	err = map_pages(m, handle, granter, r, a);
	if (err)
		goto give_part;
	*out = m;
	return 0;

give_part:
	account_give(payer, RESOURCE_PARTS, 1);
give_pages:
	account_give(payer, RESOURCE_MAPPINGS, r->count);
free_mapping:
	free(m);
	return err;
}

void mapping_free(struct broker_mapping *m)
{
	object_del(&m->object);
	notify_fire(&m->notify);
	unmap_pages(m);
	account_give_two(m->payer, RESOURCE_MAPPINGS, m->count, RESOURCE_PARTS, 1);
	free(m);
}

int op_map(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	   struct broker_answer *a)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_GNTTAB);
	struct broker_domain *granter = domain_named(c, r->domid);
	struct broker_mapping *m;
	int err;

	if (!handle || !valid_pages(r))
		return BROKEN;
	if (r->notify_offset != LOCAL_NO_OFFSET && !(r->flags & LOCAL_WRITABLE))
		return BROKEN;
	if (!granter)
		return -ESRCH;
	err = mapping_new(handle, granter, r, a, &m);
	if (err)
		return err;
	a->reply.id = m->object.id;
	a->reply.count = a->words = m->count;
	return 0;
}

int op_unmap(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	     struct broker_answer *a)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_GNTTAB);
	struct broker_object *m = handle ? part_of(handle, r->id, OBJECT_MAPPING) : NULL;

	if (!m)
		return BROKEN;
	mapping_free((struct broker_mapping *)m);
	return 0;
}
