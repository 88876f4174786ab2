/* SPDX-License-Identifier: MIT */
/* Watches: tokens, events, and setting them again. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

#define TOKEN_LEN 8u /* hexadecimal digits of a slot's id */
#define WATCH_RETRY_NS 2000000000ull

static void token_format(uint32_t id, char token[TOKEN_LEN + 1])
{
	snprintf(token, TOKEN_LEN + 1, "%08x", id);
}

/* The id of a token of ours, 0: it is not one. */
static uint32_t token_parse(const char *token, size_t len)
{
	uint32_t id = 0;

	if (len != TOKEN_LEN)
		return 0;
	for (size_t i = 0; i < len; i++) {
		const char c = token[i];

		if (c >= '0' && c <= '9')
			id = id << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			id = id << 4 | (uint32_t)(c - 'a' + 10);
		else
			return 0;
	}
	return id;
}

/* Queues WATCH or UNWATCH of @watch, whose token is @id. 0, -E2BIG or -ENOMEM. */
static int watch_queue(struct xenstore *xs, uint32_t op, struct xenstore_watch *watch, uint32_t id,
		       struct xenstore_request *req, bool depth)
{
	struct xsd_sockmsg header = { .type = op };
	char token[TOKEN_LEN + 1], number[WIRE_NUMBER_MAX + 1];
	struct iovec iov[3] = { { .iov_base = (void *)(uintptr_t)watch->path,
				  .iov_len = strlen(watch->path) + 1 },
				{ .iov_base = token, .iov_len = sizeof(token) } };
	size_t len;

	token_format(id, token);
	if (depth) {
		len = wire_put_number(number, watch->depth_plus_1 - 1);
		number[len] = '\0';
		iov[2] = (struct iovec){ .iov_base = number, .iov_len = len + 1 };
	}
	len = iov[0].iov_len + iov[1].iov_len + iov[2].iov_len;
	if (len > xs->transport->ops->payload_max)
		return -E2BIG;
	header.len = (uint32_t)len;
	return request_queue(xs, req, &header, iov, depth ? 3 : 2, op == XS_WATCH ? id : 0, depth);
}

static int watch_send(struct xenstore *xs, struct xenstore_watch *watch, uint32_t id,
		      struct xenstore_request *req)
{
	const bool depth = watch->depth_plus_1 && xs->transport->depth != TRANSPORT_DEPTH_NO;

	return watch_queue(xs, XS_WATCH, watch, id, req, depth);
}

int xenstore_watch_add(struct xenstore *xs, struct xenstore_watch *watch, struct xenstore_request *req)
{
	uint32_t id;
	int err;

	if (!watch->path)
		return -EINVAL;
	if (watch_impl(watch)->xs)
		return -EBUSY;
	err = request_check(xs, req);
	if (err)
		return err;
	err = slots_take(&xs->watches, watch, &id);
	if (err)
		return err;
	slots_get(&xs->watches, id)->op = WATCH_ADDING;
	err = watch_send(xs, watch, id, req);
	if (err) {
		slots_put(&xs->watches, id);
		return err;
	}
	*watch_impl(watch) = (struct watch_impl){ .xs = xs, .id = id };
	return 0;
}

static void watch_forget(struct xenstore *xs, uint32_t id)
{
	struct xenstore_watch *watch = slots_get(&xs->watches, id)->object;

	slots_put(&xs->watches, id);
	watch_impl(watch)->xs = NULL;
}

int xenstore_watch_remove(struct xenstore *xs, struct xenstore_watch *watch, struct xenstore_request *req)
{
	const uint32_t id = watch_impl(watch)->id;
	int err;

	if (!watch_impl(watch)->xs)
		return -ENOENT;
	assert(watch_impl(watch)->xs == xs);
	watch_forget(xs, id);
	err = request_check(xs, req);
	if (err)
		return req ? err : 0;
	return watch_queue(xs, XS_UNWATCH, watch, id, req, false);
}

/* The server took a WATCH: from now on depths are sent, or not, without trying. */
static void depth_learnt(struct xenstore *xs, const struct xenstore_watch *watch, bool sent)
{
	if (watch->depth_plus_1 && xs->transport->depth == TRANSPORT_DEPTH_TRY)
		xs->transport->depth = sent ? TRANSPORT_DEPTH_YES : TRANSPORT_DEPTH_NO;
}

bool watch_reply(struct xenstore *xs, const struct slot *request, struct xenstore_request *req, int error)
{
	struct slot *slot = slots_get(&xs->watches, request->watch);
	struct xenstore_watch *watch;

	if (!slot)
		return false; /* removed meanwhile; its UNWATCH is behind the WATCH */
	watch = slot->object;
	if (error == -EINVAL && request->depth && xs->transport->depth != TRANSPORT_DEPTH_YES) {
		if (req)
			request_detach(req);
		if (!watch_queue(xs, XS_WATCH, watch, request->watch, req, false))
			return true;
		error = -ENOMEM;
	}
	if (!error)
		depth_learnt(xs, watch, request->depth);
	if (!error || error == -EEXIST)
		slot->op = WATCH_SET;
	else if (slot->op == WATCH_ADDING)
		watch_forget(xs, request->watch);
	else {
		slot->op = WATCH_UNSET;
		session_retry_in(xs, WATCH_RETRY_NS);
	}
	return false;
}

void watches_unset(struct xenstore *xs)
{
	uint32_t index = 0, id;
	struct slot *slot;

	while ((slot = slots_next(&xs->watches, &index, &id)))
		slot->op = WATCH_UNSET;
}

void watches_send(struct xenstore *xs)
{
	uint32_t index = 0, id;
	struct slot *slot;

	while ((slot = slots_next(&xs->watches, &index, &id))) {
		if (slot->op != WATCH_UNSET)
			continue;
		if (watch_send(xs, slot->object, id, NULL)) {
			session_retry_in(xs, WATCH_RETRY_NS);
			return;
		}
		slot->op = WATCH_AGAIN;
	}
}

void watches_forget(struct xenstore *xs)
{
	uint32_t index = 0, id;

	while (slots_next(&xs->watches, &index, &id))
		watch_forget(xs, id);
	event_queue_clear(&xs->queue);
}

int watch_event(struct xenstore *xs, const char *payload, size_t len)
{
	struct wire_strings strings = { .at = payload, .left = len };
	size_t path_len, token_len;
	const char *path = wire_next_string(&strings, &path_len);
	const char *token = path ? wire_next_string(&strings, &token_len) : NULL;
	uint32_t id;
	int queued;

	if (!token)
		return -EPROTO;
	xs->counters.events++;
	id = token_parse(token, token_len);
	if (!slots_get(&xs->watches, id)) {
		xs->counters.events_stale++;
		return 0;
	}
	queued = event_queue_put(&xs->queue, id, path, path_len);
	if (queued == -ENOSPC) {
		watch_events_deliver(xs);
		if (xs->state != SESSION_UP)
			return 0;
		queued = event_queue_put(&xs->queue, id, path, path_len);
		assert(queued == 0);
	}
	if (queued)
		xs->counters.events_merged++;
	return 0;
}

/* An earlier callback may have removed the watch of a later event, or closed the session. */
void watch_events_deliver(struct xenstore *xs)
{
	const char *path;
	uint32_t id;

	while ((path = event_queue_take(&xs->queue, &id))) {
		struct slot *slot = slots_get(&xs->watches, id);
		struct xenstore_watch *watch;

		if (!slot) {
			xs->counters.events_stale++;
			continue;
		}
		watch = slot->object;
		watch->fired(watch, path);
	}
}
