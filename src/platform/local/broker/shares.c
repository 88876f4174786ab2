/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "connection.h"
#include "domain.h"
#include "grants.h"

static void put_refs(struct broker_share *share)
{
	for (uint32_t i = 0; i < share->count && share->grants[i].ref; i++)
		if (share->grants[i].ref != LOCAL_STORE_REF)
			numbers_del(&share->owner->grants, share->grants[i].ref);
}

static int take_refs(struct broker_share *share)
{
	for (uint32_t i = 0; i < share->count; i++) {
		int64_t ref = numbers_add(&share->owner->grants, &share->grants[i]);

		if (ref < 0) {
			put_refs(share);
			return (int)ref;
		}
		share->grants[i].ref = (uint32_t)ref;
	}
	return 0;
}

/* A share with its segment and accounts settled, without refs. */
static int share_new(struct broker_domain *owner, uint64_t peer, uint32_t count, bool writable,
		     struct broker_share **out)
{
	struct broker_share *share = calloc(1, sizeof(*share) + count * sizeof(share->grants[0]));
	int err = share ? account_take(owner->account, RESOURCE_GRANTS, count) : -ENOMEM;

	if (err)
		goto free_share;
	err = account_take(owner->account, RESOURCE_PARTS, 1);
	if (err)
		goto give_grants;
	err = segment_new(owner->account, count, writable, &share->segment);
	if (err)
		goto give_part;
	share->object.kind = OBJECT_SHARE;
	share->owner = owner;
	share->peer = peer;
	share->count = count;
	for (uint32_t i = 0; i < count; i++)
		share->grants[i] = (struct broker_grant){ .share = share, .page = i };
	*out = share;
	return 0;

give_part:
	account_give(owner->account, RESOURCE_PARTS, 1);
give_grants:
	account_give(owner->account, RESOURCE_GRANTS, count);
free_share:
	free(share);
	return err;
}

static void share_discard(struct broker_share *share)
{
	struct account *payer = share->owner->account;

	notify_drop(&share->notify);
	segment_put(share->segment);
	account_give_two(payer, RESOURCE_GRANTS, share->count, RESOURCE_PARTS, 1);
	free(share);
}

uint32_t share_free(struct broker_share *share)
{
	uint32_t mapped = 0;

	for (uint32_t i = 0; i < share->count; i++)
		mapped += share->segment->mapped[i] != 0;
	put_refs(share);
	if (share->object.id)
		object_del(&share->object);
	notify_fire(&share->notify);
	share_discard(share);
	return mapped;
}

int store_share_new(struct broker_domain *owner, uint64_t peer, struct broker_share **out)
{
	int err = share_new(owner, peer, 1, true, out);

	if (err)
		return err;
	(*out)->grants[0].ref = LOCAL_STORE_REF;
	(*out)->valid = true;
	err = segment_seal((*out)->segment);
	if (err)
		share_discard(*out);
	return err;
}

/* The parts that can fail after the share exists. */
static int share_equip(struct broker_share *share, struct broker_handle *handle,
		       const struct local_request *r)
{
	struct broker_connection *c = handle->object.connection;
	int err = notify_set(&share->notify, c, r, share->segment, 0);

	if (!err && share->notify.segment && !share->segment->writable)
		err = segment_view(share->segment);
	if (!err)
		err = take_refs(share);
	if (err)
		return err;
	err = object_add(c, &share->object, handle);
	if (err)
		put_refs(share);
	return err;
}

bool valid_pages(const struct local_request *r)
{
	bool notify = r->notify_port || r->notify_offset != LOCAL_NO_OFFSET;

	return r->count >= 1 && r->count <= LOCAL_MAX_PAGES && !(r->flags & ~LOCAL_WRITABLE) &&
	       (!notify || r->count == 1) &&
	       (r->notify_offset == LOCAL_NO_OFFSET || r->notify_offset < XEN_PLATFORM_PAGE_SIZE);
}

int op_share(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	     struct broker_answer *a)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_GNTSHR);
	struct broker_domain *peer = domain_named(c, r->domid);
	struct broker_share *share;
	int err;

	if (!handle || !valid_pages(r))
		return BROKEN;
	if (!peer)
		return -ESRCH;
	err = share_new(c->domain, peer->serial, r->count, r->flags & LOCAL_WRITABLE, &share);
	if (err)
		return err;
	err = share_equip(share, handle, r);
	if (err) {
		share_discard(share);
		return err;
	}
	a->reply.id = share->object.id;
	a->reply.count = a->words = share->count;
	for (uint32_t i = 0; i < share->count; i++)
		a->reply.refs[i] = share->grants[i].ref;
	a->fds.fd[a->fds.n++] = share->segment->fd;
	return 0;
}

static struct broker_share *share_of(struct broker_connection *c, const struct local_request *r)
{
	struct broker_handle *handle = handle_of(c, r->handle, OBJECT_GNTSHR);

	return handle ? (struct broker_share *)part_of(handle, r->id, OBJECT_SHARE) : NULL;
}

int op_shared(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	      struct broker_answer *a)
{
	struct broker_share *share = share_of(c, r);

	if (!share || share->valid || segment_seal(share->segment))
		return BROKEN;
	share->valid = true;
	return 0;
}

int op_unshare(struct broker_connection *c, const struct local_request *r, struct message_fds *fds,
	       struct broker_answer *a)
{
	struct broker_share *share = share_of(c, r);

	if (!share)
		return BROKEN;
	a->reply.count = share_free(share);
	return 0;
}
