/* SPDX-License-Identifier: MIT */
#include "stream_front.h"

#include <errno.h>
#include <string.h>

/* A data request's id is its page's index; the two others have their own. */
#define ID_HELLO ALICE_MAX_PAGES
#define ID_END (ALICE_MAX_PAGES + 1)

static int breach(struct stream_front *sf, const char *what)
{
	sf->breach = what;
	return -EPROTO;
}

void stream_front_init(struct stream_front *sf, void *ring_page, void *pages, uint32_t page_count,
		       bool want_digest)
{
	int err;

	assert(page_count <= ALICE_MAX_PAGES);
	*sf = (struct stream_front){
		.pages = pages,
		.page_count = page_count,
		.want_digest = want_digest,
	};
	err = ring_front_init(&sf->ring, ring_page, ALICE_PAGE_BYTES, sizeof(union alice_slot));
	assert(!err && sf->ring.size == ALICE_RING_SLOTS);
	(void)err;
	sha256_init(&sf->sha);
}

static void put(struct stream_front *sf, const struct alice_request *req)
{
	int err = ring_front_put(&sf->ring, req, sizeof(*req));

	assert(!err && !sf->asked[req->id]);
	(void)err;
	sf->asked[req->id] = (uint8_t)req->op;
	sf->requests++;
}

void stream_front_hello(struct stream_front *sf)
{
	const struct alice_request req = {
		.op = ALICE_OP_HELLO,
		.id = ID_HELLO,
		.flags = sf->want_digest ? ALICE_WANT_DIGEST : 0,
		.value = ALICE_HELLO_VALUE,
		.arg = ALICE_VERSION,
	};

	assert(sf->phase == STREAM_FRONT_NEW);
	put(sf, &req);
	sf->phase = STREAM_FRONT_GREETING;
}

/* One slot stays free for END. */
uint8_t *stream_front_next(struct stream_front *sf)
{
	assert(sf->phase == STREAM_FRONT_STREAMING);
	if (sf->asked[sf->next_page] || ring_front_free(&sf->ring) < 2)
		return NULL;
	return sf->pages + (size_t)sf->next_page * ALICE_PAGE_BYTES;
}

/* Hashed in the page itself: the backend has it read-only, so what is hashed is what it will see. */
void stream_front_commit(struct stream_front *sf, uint32_t len)
{
	const uint32_t page = sf->next_page;
	const struct alice_request req = {
		.op = ALICE_OP_DATA,
		.id = (uint16_t)page,
		.page = (uint16_t)page,
		.length = len,
	};

	assert(len > 0 && len <= ALICE_PAGE_BYTES);
	if (sf->want_digest)
		sha256_update(&sf->sha, len, sf->pages + (size_t)page * ALICE_PAGE_BYTES);
	put(sf, &req);
	sf->sent += len;
	sf->next_page = page + 1 == sf->page_count ? 0 : page + 1;
}

void stream_front_end(struct stream_front *sf)
{
	const struct alice_request req = { .op = ALICE_OP_END, .id = ID_END, .arg = sf->sent };

	assert(sf->phase == STREAM_FRONT_STREAMING);
	put(sf, &req);
	sha256_digest(&sf->sha, sizeof(sf->sent_digest), sf->sent_digest);
	sf->phase = STREAM_FRONT_ENDING;
}

bool stream_front_push(struct stream_front *sf)
{
	if (sf->ring.req_prod == sf->ring.req_pushed)
		return false;
	return ring_front_push(&sf->ring);
}

static int take_hi(struct stream_front *sf, const struct alice_response *rsp)
{
	if (rsp->value != ALICE_HI_VALUE)
		return breach(sf, "a hi that is not 234");
	if (rsp->total > ALICE_VERSION)
		return breach(sf, "a version above the one offered");
	sf->hi_value = rsp->value;
	sf->rsp_version = (uint32_t)rsp->total;
	if (rsp->total == 0)
		sf->phase = STREAM_FRONT_FAILED;
	else
		sf->phase = sf->page_count ? STREAM_FRONT_STREAMING : STREAM_FRONT_GREETED;
	return 0;
}

static int take_end(struct stream_front *sf, const struct alice_response *rsp)
{
	if (sf->want_digest && !(rsp->flags & ALICE_HAS_DIGEST))
		return breach(sf, "an end without the digest asked for");
	if (sf->ring.rsp_cons != sf->ring.req_pushed)
		return breach(sf, "an end answered before the data");
	sf->stored = rsp->total;
	sf->has_digest = sf->want_digest;
	memcpy(sf->stored_digest, rsp->digest, sizeof(sf->stored_digest));
	sf->phase = STREAM_FRONT_DONE;
	return 0;
}

static int take(struct stream_front *sf, const struct alice_response *rsp)
{
	if (rsp->id >= ALICE_MAX_IDS || !sf->asked[rsp->id])
		return breach(sf, "an answer to what was not asked");
	if (rsp->op != sf->asked[rsp->id])
		return breach(sf, "an answer of another operation");
	if (rsp->status != ALICE_OK && rsp->status != ALICE_ERROR_STORAGE)
		return breach(sf, "an unknown status");
	sf->asked[rsp->id] = 0;
	sf->answered++;
	if (rsp->status != ALICE_OK || sf->phase == STREAM_FRONT_FAILED) {
		sf->phase = STREAM_FRONT_FAILED;
		return 0;
	}
	switch (rsp->op) {
	case ALICE_OP_HELLO:
		return take_hi(sf, rsp);
	case ALICE_OP_END:
		return take_end(sf, rsp);
	default:
		return 0;
	}
}

int stream_front_receive(struct stream_front *sf)
{
	struct alice_response rsp;
	int got, count = 0;

	while ((got = ring_front_take(&sf->ring, &rsp, sizeof(rsp))) > 0) {
		int err = take(sf, &rsp);

		if (err)
			return err;
		count++;
	}
	return got < 0 ? breach(sf, "a response index out of bounds") : count;
}

int stream_front_wait(struct stream_front *sf)
{
	const uint32_t inflight = ring_front_inflight(&sf->ring);
	int got = ring_front_wait_for(&sf->ring, inflight > 1 ? inflight / 2 : 1);

	return got < 0 ? breach(sf, "a response index out of bounds") : got;
}
