/* SPDX-License-Identifier: MIT */
#include "stream_back.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static int breach(struct stream_back *sb, const char *what)
{
	sb->breach = what;
	return -EPROTO;
}

/* Copies from memory that the peer can change: read once, as the compiler sees it too. */
static void copy_out(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
	atomic_signal_fence(memory_order_acq_rel);
}

void stream_back_init(struct stream_back *sb, void *ring_page, const void *pages, uint32_t page_count,
		      const struct stream_sink *sink)
{
	int err;

	assert(page_count <= ALICE_MAX_PAGES);
	*sb = (struct stream_back){ .pages = pages, .page_count = page_count, .sink = *sink };
	err = ring_back_attach(&sb->ring, ring_page, ALICE_PAGE_BYTES, sizeof(union alice_slot), 0);
	assert(!err && sb->ring.size == ALICE_RING_SLOTS);
	(void)err;
	sha256_init(&sb->sha);
}

int stream_back_read_refs(const void *refs_page, uint32_t max, uint32_t *refs)
{
	struct alice_refs copy;

	assert(max <= ALICE_MAX_PAGES);
	copy_out(&copy, refs_page, sizeof(copy));
	if (copy.page_bytes != ALICE_PAGE_BYTES || copy.count == 0 || copy.count > max)
		return -EPROTO;
	memcpy(refs, copy.refs, copy.count * sizeof(*refs));
	return (int)copy.count;
}

/* Sets bit @nr; was it set before? */
static bool test_and_set(uint64_t *bits, uint32_t nr)
{
	const uint64_t mask = UINT64_C(1) << (nr % 64);
	const bool was = bits[nr / 64] & mask;

	bits[nr / 64] |= mask;
	return was;
}

/* Every byte of a response is ours: what is not set is 0. */
static void answer(struct stream_back *sb, const struct alice_request *req, struct alice_response rsp)
{
	rsp.op = req->op;
	rsp.id = req->id;
	ring_back_put(&sb->ring, &rsp, sizeof(rsp));
}

static int take_hello(struct stream_back *sb, const struct alice_request *req)
{
	const uint64_t version = req->arg < ALICE_VERSION ? req->arg : ALICE_VERSION;

	if (sb->phase != STREAM_BACK_NEW)
		return breach(sb, "a second hello");
	if (req->value != ALICE_HELLO_VALUE)
		return breach(sb, "a hello that is not 233");
	if (req->flags & ~ALICE_WANT_DIGEST)
		return breach(sb, "unknown flags");
	sb->hello_value = req->value;
	sb->hello_version = (uint32_t)version;
	sb->want_digest = req->flags & ALICE_WANT_DIGEST;
	sb->phase = sb->page_count && version ? STREAM_BACK_STREAMING : STREAM_BACK_GREETED;
	answer(sb, req, (struct alice_response){ .value = ALICE_HI_VALUE, .total = version });
	return 0;
}

static int take_data(struct stream_back *sb, const struct alice_request *req)
{
	uint8_t *room;

	if (sb->phase != STREAM_BACK_STREAMING)
		return breach(sb, "data outside a stream");
	if (req->flags)
		return breach(sb, "unknown flags");
	if (req->page >= sb->page_count)
		return breach(sb, "a page index out of bounds");
	if (req->length == 0 || req->length > ALICE_PAGE_BYTES)
		return breach(sb, "a length out of bounds");
	if (test_and_set(sb->pages_busy, req->page))
		return breach(sb, "a page in two requests");
	room = sb->sink.reserve(sb->sink.ctx);
	assert(room); /* process() asked before it took the request */
	copy_out(room, sb->pages + (size_t)req->page * ALICE_PAGE_BYTES, req->length);
	if (sb->want_digest)
		sha256_update(&sb->sha, req->length, room);
	sb->sink.commit(sb->sink.ctx, req->length);
	sb->received += req->length;
	answer(sb, req,
	       (struct alice_response){ .status = sb->sink.error(sb->sink.ctx) ? ALICE_ERROR_STORAGE
									       : ALICE_OK });
	return 0;
}

static int take_end(struct stream_back *sb, const struct alice_request *req)
{
	if (sb->phase != STREAM_BACK_STREAMING)
		return breach(sb, "an end outside a stream");
	if (req->flags || req->length)
		return breach(sb, "an end with flags or data");
	sb->end_id = req->id;
	sb->end_bytes = req->arg;
	sb->phase = STREAM_BACK_FINISHING;
	return 0;
}

static int take(struct stream_back *sb, const struct alice_request *req)
{
	sb->requests++;
	if (req->id >= ALICE_MAX_IDS)
		return breach(sb, "an id out of bounds");
	if (test_and_set(sb->ids_busy, req->id))
		return breach(sb, "an id in two requests");
	switch (req->op) {
	case ALICE_OP_HELLO:
		return take_hello(sb, req);
	case ALICE_OP_DATA:
		return take_data(sb, req);
	case ALICE_OP_END:
		return take_end(sb, req);
	default:
		return breach(sb, "an unknown operation");
	}
}

/* END is answered when its bytes are where they belong. */
static int finish(struct stream_back *sb)
{
	const struct alice_request end = { .op = ALICE_OP_END, .id = sb->end_id };
	struct alice_response rsp = { .total = sb->received };
	int err = sb->sink.finish(sb->sink.ctx);

	if (err == -EINPROGRESS)
		return -EAGAIN;
	sb->error = err;
	rsp.status = err ? ALICE_ERROR_STORAGE : ALICE_OK;
	if (sb->want_digest) {
		sha256_digest(&sb->sha, sizeof(sb->digest), sb->digest);
		memcpy(rsp.digest, sb->digest, sizeof(rsp.digest));
		rsp.flags = ALICE_HAS_DIGEST;
	}
	answer(sb, &end, rsp);
	sb->phase = STREAM_BACK_DONE;
	return 0;
}

/* One request; 1 handled, 0 none there, -EAGAIN, -EPROTO. */
static int process_one(struct stream_back *sb)
{
	struct alice_request req;
	int got;

	if (sb->phase == STREAM_BACK_STREAMING && !sb->sink.reserve(sb->sink.ctx))
		return -EAGAIN;
	got = ring_back_take(&sb->ring, &req, sizeof(req));
	if (got < 0)
		return breach(sb, "a request index out of bounds");
	if (got == 0)
		return 0;
	got = take(sb, &req);
	if (!got && sb->phase == STREAM_BACK_FINISHING)
		got = finish(sb);
	return got ? got : 1;
}

int stream_back_process(struct stream_back *sb, unsigned int limit)
{
	unsigned int count = 0;
	int got = 1;

	assert(limit <= ALICE_RING_SLOTS);
	if (sb->phase == STREAM_BACK_FINISHING) {
		got = finish(sb);
		if (got)
			return got;
		count++;
		got = 1;
	}
	while (count < limit && (got = process_one(sb)) > 0)
		count++;
	return got < 0 ? got : (int)count;
}

/* After it the frontend may use these ids and pages again, and before it may not. */
bool stream_back_push(struct stream_back *sb)
{
	if (sb->ring.rsp_prod == sb->ring.rsp_pushed)
		return false;
	memset(sb->ids_busy, 0, sizeof(sb->ids_busy));
	memset(sb->pages_busy, 0, sizeof(sb->pages_busy));
	return ring_back_push(&sb->ring);
}

int stream_back_wait(struct stream_back *sb)
{
	int got = ring_back_wait(&sb->ring);

	return got < 0 ? breach(sb, "a request index out of bounds") : got;
}
