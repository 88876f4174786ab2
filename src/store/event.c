/* SPDX-License-Identifier: MIT */
/* One event to one watcher: sent, merged with an equal one that waits, or dropped. */
#include "event.h"
#include <base/siphash.h>
#include "conn.h"
#include "effects.h"
#include "limit.h"
#include "watch.h"

/* To one watcher. */
struct event {
	const char *path;
	size_t path_len, size;
	uint64_t hash; /* of path and token */
};

static struct event event_of(const struct watch *w, const struct news *news)
{
	const size_t skip = w->home_len < news->len ? w->home_len : 0;

	return (struct event){ .path = news->path + skip,
			       .path_len = news->len - skip,
			       .size = news->len - skip + 1 + w->token_len + 1 };
}

/* Paths and tokens are long and meet often: each is hashed once, a path where it is needed. */
static uint64_t hash_of(const struct store *s, const struct watch *w, struct news *news,
			const struct event *event)
{
	const int relative = event->path != news->path;
	uint64_t *hash = &news->hashes[relative].value;

	if (!news->hashes[relative].known)
		*hash = siphash(s->config.hash_seed, 0, event->path, event->path_len);
	news->hashes[relative].known = true;
	return siphash(s->config.hash_seed, w->token_hash, hash, sizeof(*hash));
}

static void drop(struct store *s, struct store_effects *out, struct conn *conn)
{
	conn->traffic.events_dropped++;
	s->stats.events_dropped++;
	out->spared++;
}

/* May it be queued? An unprivileged domain that does not read its events may not fill our memory. */
static bool has_room(const struct store *s, const struct domain *who, size_t len)
{
	return !limit_is_passed(s, who, STORE_QUOTA_MEMORY, who->memory + WIRE_HEADER_SIZE + len);
}

static void put_event(struct store *s, struct store_effects *out, const struct watch *w,
		      const struct event *event)
{
	const struct xsd_sockmsg header = { .type = XS_WATCH_EVENT };
	struct conn *conn = w->conn;
	struct message m;

	message_begin(&m, out);
	message_put_name(&m, event->path, event->path_len);
	message_put(&m, watch_token(w), w->token_len + 1);
	message_end(&m, STORE_OUT_EVENT, conn->id, &header);
	if (out->failed) {
		conn_bereave(s, conn);
		return;
	}
	conn_note_event(s, conn, event->hash);
	conn_sent(s, conn, WIRE_HEADER_SIZE + m.len);
	conn->traffic.events++;
	s->stats.events++;
}

static void merge_event(struct store *s, struct store_effects *out, struct conn *conn)
{
	conn->traffic.events_merged++;
	s->stats.events_merged++;
	out->spared++;
}

/* Whether it is sent is settled before it is put together: most of what a storm fires is not. */
void event_send(struct store *s, struct store_effects *out, struct watch *w, struct news *news)
{
	struct event event = event_of(w, news);
	struct conn *conn = w->conn;

	if (event.size > WIRE_PAYLOAD_MAX) {
		drop(s, out, conn);
		return;
	}
	if (!has_room(s, conn->domain, event.size)) {
		drop(s, out, conn);
		limit_tell(s, out, conn->domain, STORE_QUOTA_MEMORY, "refused", XS_WATCH_EVENT, news->path,
			   news->len);
		return;
	}
	if (out->failed) {
		conn_bereave(s, conn);
		return;
	}
	event.hash = hash_of(s, w, news, &event);
	if (conn_event_is_queued(conn, event.hash))
		merge_event(s, out, conn);
	else
		put_event(s, out, w, &event);
}
