/* SPDX-License-Identifier: MIT */
/* A session's life: opened, lost, connected again, closed. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

#define BACKOFF_MIN_NS 100000000ull
#define BACKOFF_MAX_NS 2000000000ull

void session_enter(struct xenstore *xs)
{
	xs->depth++;
}

static void session_free(struct xenstore *xs)
{
	assert(xs->state == SESSION_DOWN && list_empty(&xs->pending));
	xs->transport->ops->free(xs->transport);
	slots_deinit(&xs->requests);
	slots_deinit(&xs->watches);
	out_queue_reset(&xs->out);
	free(xs->in);
	free(xs);
}

void session_leave(struct xenstore *xs)
{
	assert(xs->depth);
	if (!--xs->depth && xs->closed)
		session_free(xs);
}

/* Closes the transport; what was on its way in either direction is dropped. */
static void connection_drop(struct xenstore *xs)
{
	xs->state = SESSION_DOWN;
	xs->transport->ops->close(xs->transport);
	xenbus_work_cancel(xs->host, &xs->work);
	xenbus_timer_cancel(xs->host, &xs->timer);
	out_queue_reset(&xs->out);
	xs->in_used = 0;
	xs->more = false;
}

void session_retry_in(struct xenstore *xs, uint64_t ns)
{
	uint64_t when = xenbus_host_now(xs->host) + ns;

	if (!xs->timer.deadline_ns || when < xs->timer.deadline_ns)
		xenbus_timer_set(xs->host, &xs->timer, when);
}

static void retry_later(struct xenstore *xs)
{
	session_retry_in(xs, xs->backoff_ns);
	xs->backoff_ns = xs->backoff_ns * 2 < BACKOFF_MAX_NS ? xs->backoff_ns * 2 : BACKOFF_MAX_NS;
}

void session_lost(struct xenstore *xs, int error)
{
	const bool told = xs->state == SESSION_UP;

	connection_drop(xs);
	watches_unset(xs);
	requests_fail(xs, -ENOTCONN);
	if (!xs->closed && told && xs->events.lost)
		xs->events.lost(xs->events.ctx, error);
	if (xs->closed)
		return;
	if (xs->heard) {
		xs->heard = false;
		xs->backoff_ns = BACKOFF_MIN_NS;
		session_retry_in(xs, 0);
	} else {
		retry_later(xs);
	}
}

static void session_up(struct xenstore *xs)
{
	const bool again = xs->was_up;

	xs->state = SESSION_UP;
	xs->was_up = true;
	if (again) {
		xs->counters.reconnects++;
		if (xs->events.reconnected)
			xs->events.reconnected(xs->events.ctx);
	}
	if (xs->state == SESSION_UP)
		session_flush(xs);
}

static void session_connect(struct xenstore *xs)
{
	int err = xs->transport->ops->open(xs->transport);

	if (err && err != -EINPROGRESS) {
		retry_later(xs);
		return;
	}
	xs->state = SESSION_OPENING;
	watches_send(xs);
	if (!err)
		session_up(xs);
}

static void on_opened(struct transport *transport, int error)
{
	struct xenstore *xs = transport->owner;

	session_enter(xs);
	if (error)
		session_lost(xs, error);
	else
		session_up(xs);
	session_leave(xs);
}

static void on_ready(struct transport *transport)
{
	struct xenstore *xs = transport->owner;

	session_enter(xs);
	session_receive(xs);
	session_leave(xs);
}

static void on_work(struct xenbus_work *work)
{
	struct xenstore *xs = list_entry(work, struct xenstore, work);

	session_enter(xs);
	if (xs->more)
		session_receive(xs);
	else
		session_flush(xs);
	session_leave(xs);
}

static void on_timer(struct xenbus_timer *timer)
{
	struct xenstore *xs = list_entry(timer, struct xenstore, timer);

	session_enter(xs);
	if (xs->state == SESSION_DOWN)
		session_connect(xs);
	else
		watches_send(xs);
	session_leave(xs);
}

static struct xenstore *session_new(struct xenbus_host *host, struct transport *transport,
				    const struct xenstore_events *events)
{
	struct xenstore *xs = calloc(1, sizeof(*xs));
	uint16_t generation[2];

	if (!xs)
		return NULL;
	xs->in = malloc(SESSION_IN_BYTES + 1);
	if (!xs->in || xenbus_host_random(host, generation, sizeof(generation))) {
		free(xs->in);
		free(xs);
		return NULL;
	}
	xs->host = host;
	xs->transport = transport;
	xs->events = events ? *events : (struct xenstore_events){ 0 };
	list_init(&xs->pending);
	slots_init(&xs->requests, generation[0]);
	slots_init(&xs->watches, generation[1]);
	xs->work.run = on_work;
	xs->timer.fire = on_timer;
	xs->backoff_ns = BACKOFF_MIN_NS;
	transport->opened = on_opened;
	transport->ready = on_ready;
	transport->owner = xs;
	return xs;
}

/* Drops what a process that had the ring before us asked for; its answers are skipped by id. */
static int session_reset_predecessor(struct xenstore *xs)
{
	const struct xsd_sockmsg header = { .type = XS_RESET_WATCHES, .len = 1 };
	const struct iovec nothing = { .iov_base = (void *)(uintptr_t) "", .iov_len = 1 };

	return request_queue(xs, NULL, &header, &nothing, 1, 0, false);
}

int session_open(struct xenbus_host *host, struct transport *transport, const struct xenstore_events *events,
		 struct xenstore **out)
{
	struct xenstore *xs = session_new(host, transport, events);
	int err;

	if (!xs) {
		transport->ops->free(transport);
		return -ENOMEM;
	}
	err = transport->ops->open(transport);
	if (err && err != -EINPROGRESS) {
		session_free(xs);
		return err;
	}
	xs->state = err ? SESSION_OPENING : SESSION_UP;
	xs->was_up = !err;
	if (transport->inherited && session_reset_predecessor(xs)) {
		connection_drop(xs);
		session_free(xs);
		return -ENOMEM;
	}
	*out = xs;
	return 0;
}

void xenstore_close(struct xenstore *xs)
{
	if (!xs || xs->closed)
		return;
	session_enter(xs);
	xs->closed = true;
	connection_drop(xs);
	watches_forget(xs);
	requests_fail(xs, -ENOTCONN);
	session_leave(xs);
}

bool xenstore_connected(const struct xenstore *xs)
{
	return xs->state == SESSION_UP;
}

uint32_t xenstore_features(const struct xenstore *xs)
{
	return xs->transport->features;
}

void xenstore_counters(const struct xenstore *xs, struct xenstore_counters *out)
{
	*out = xs->counters;
	out->pending = xs->requests.used;
	out->watches = xs->watches.used;
}
