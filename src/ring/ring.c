/* SPDX-License-Identifier: MIT */
/*
 * Request and response rings, wire-compatible with <xen/io/ring.h>.
 *
 * Publishing and asking are the two halves of one handshake; each side stores its word, fences, then
 * loads the other's, so at least one of them sees the other:
 *
 *   push:  store prod (release)   seq_cst fence   load event
 *   wait:  store event            seq_cst fence   load prod (acquire)
 *
 * The front and the back differ only in which pair of words they produce and consume.
 */
#include <xenbus/ring.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(offsetof(struct ring_shared, slots) == 64, "Xen's slots start at byte 64");
static_assert(sizeof(struct ring_shared) == 64, "Xen's slots start at byte 64");

uint32_t ring_size(size_t bytes, size_t slot_bytes)
{
	size_t fit, size = 1;

	if (slot_bytes == 0 || bytes < sizeof(struct ring_shared) + slot_bytes)
		return 0;
	fit = (bytes - sizeof(struct ring_shared)) / slot_bytes;
	while (size * 2 <= fit && size < 1u << 30)
		size *= 2;
	return (uint32_t)size;
}

static uint8_t *slot_at(struct ring_shared *shared, uint32_t size, uint32_t slot_bytes, uint32_t entry)
{
	return shared->slots + (size_t)(entry & (size - 1)) * slot_bytes;
}

/* The compiler may not fetch again from shared memory what was copied out of it. */
static void copy_out(void *dst, const uint8_t *src, size_t len)
{
	memcpy(dst, src, len);
	atomic_signal_fence(memory_order_acq_rel);
}

/* Shows the peer everything up to @upto; did it ask to hear of one of the entries since @from? */
static bool publish(_Atomic uint32_t *prod, _Atomic uint32_t *event, uint32_t from, uint32_t upto)
{
	atomic_store_explicit(prod, upto, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	return upto - atomic_load_explicit(event, memory_order_relaxed) < upto - from;
}

/* Entries the peer published beyond @cons, of at most @limit. A producer that went back wraps round
 * to a huge number, so one comparison finds both lies. */
static int available(const _Atomic uint32_t *prod, uint32_t cons, uint32_t limit)
{
	uint32_t count = atomic_load_explicit(prod, memory_order_acquire) - cons;

	return count <= limit ? (int)count : -EPROTO;
}

static void ask_for(_Atomic uint32_t *event, uint32_t entry)
{
	atomic_store_explicit(event, entry, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

int ring_front_attach(struct ring_front *front, void *shared, size_t bytes, size_t slot_bytes, uint32_t at)
{
	uint32_t size = ring_size(bytes, slot_bytes);

	if (size == 0)
		return -EINVAL;
	*front = (struct ring_front){
		.shared = shared,
		.size = size,
		.slot_bytes = (uint32_t)slot_bytes,
		.req_prod = at,
		.req_pushed = at,
		.rsp_cons = at,
	};
	return 0;
}

int ring_front_init(struct ring_front *front, void *shared, size_t bytes, size_t slot_bytes)
{
	struct ring_shared *ring = shared;
	int err = ring_front_attach(front, shared, bytes, slot_bytes, 0);

	if (err)
		return err;
	memset(ring->pad, 0, sizeof(ring->pad));
	atomic_store_explicit(&ring->req_prod, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->rsp_prod, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->req_event, 1, memory_order_relaxed);
	atomic_store_explicit(&ring->rsp_event, 1, memory_order_release);
	return 0;
}

uint32_t ring_front_inflight(const struct ring_front *front)
{
	return front->req_prod - front->rsp_cons;
}

uint32_t ring_front_free(const struct ring_front *front)
{
	return front->size - ring_front_inflight(front);
}

int ring_front_put(struct ring_front *front, const void *req, size_t len)
{
	assert(len <= front->slot_bytes);
	if (ring_front_free(front) == 0)
		return -ENOSPC;
	memcpy(slot_at(front->shared, front->size, front->slot_bytes, front->req_prod), req, len);
	front->req_prod++;
	return 0;
}

bool ring_front_push(struct ring_front *front)
{
	uint32_t from = front->req_pushed;

	front->req_pushed = front->req_prod;
	return publish(&front->shared->req_prod, &front->shared->req_event, from, front->req_prod);
}

int ring_front_ready(const struct ring_front *front)
{
	return available(&front->shared->rsp_prod, front->rsp_cons, front->req_pushed - front->rsp_cons);
}

int ring_front_take(struct ring_front *front, void *rsp, size_t len)
{
	int ready = ring_front_ready(front);

	assert(len <= front->slot_bytes);
	if (ready <= 0)
		return ready;
	copy_out(rsp, slot_at(front->shared, front->size, front->slot_bytes, front->rsp_cons), len);
	front->rsp_cons++;
	return 1;
}

int ring_front_wait(struct ring_front *front)
{
	return ring_front_wait_for(front, 1);
}

int ring_front_wait_for(struct ring_front *front, uint32_t count)
{
	int ready = ring_front_ready(front);

	assert(count > 0);
	if (ready)
		return ready;
	ask_for(&front->shared->rsp_event, front->rsp_cons + count);
	return ring_front_ready(front);
}

int ring_back_attach(struct ring_back *back, void *shared, size_t bytes, size_t slot_bytes, uint32_t at)
{
	uint32_t size = ring_size(bytes, slot_bytes);

	if (size == 0)
		return -EINVAL;
	*back = (struct ring_back){
		.shared = shared,
		.size = size,
		.slot_bytes = (uint32_t)slot_bytes,
		.rsp_prod = at,
		.rsp_pushed = at,
		.req_cons = at,
	};
	return 0;
}

uint32_t ring_back_inflight(const struct ring_back *back)
{
	return back->req_cons - back->rsp_prod;
}

/* A front may be @size requests ahead of the responses put, as Xen's RING_REQUEST_PROD_OVERFLOW has it;
 * those taken and unanswered count. */
int ring_back_ready(const struct ring_back *back)
{
	return available(&back->shared->req_prod, back->req_cons, back->size - ring_back_inflight(back));
}

int ring_back_take(struct ring_back *back, void *req, size_t len)
{
	int ready = ring_back_ready(back);

	assert(len <= back->slot_bytes);
	if (ready <= 0)
		return ready;
	copy_out(req, slot_at(back->shared, back->size, back->slot_bytes, back->req_cons), len);
	back->req_cons++;
	return 1;
}

int ring_back_wait(struct ring_back *back)
{
	int ready = ring_back_ready(back);

	if (ready)
		return ready;
	ask_for(&back->shared->req_event, back->req_cons + 1);
	return ring_back_ready(back);
}

void ring_back_put(struct ring_back *back, const void *rsp, size_t len)
{
	assert(len <= back->slot_bytes);
	assert(ring_back_inflight(back) > 0);
	memcpy(slot_at(back->shared, back->size, back->slot_bytes, back->rsp_prod), rsp, len);
	back->rsp_prod++;
}

bool ring_back_push(struct ring_back *back)
{
	uint32_t from = back->rsp_pushed;

	back->rsp_pushed = back->rsp_prod;
	return publish(&back->shared->rsp_prod, &back->shared->rsp_event, from, back->rsp_prod);
}
