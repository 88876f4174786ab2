/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef ALICE_H
#define ALICE_H
/*
 * What goes over the wire between alice_front and alice_back: the hello part of the contract of the device
 * class "alice_dev", version 1. An end that moves no stream leaves out feature-stream and stream-refs, and
 * meets every end that does.
 *
 *     frontend                                              backend
 *       | ring page       requests >  < responses              |    key ring-ref
 *       | event channel   < both ways >                        |    key event-channel
 *
 *     states, frontend / backend:   1/1   1/2   3/2 (keys stand)   3/4 (mapped)   4/4   hello, hi
 *
 * Either end closes by 5 and 6 at any time; the other follows. The bytes below live in the padding of the
 * ring's header and tell what states cannot: whether the process behind the other end still lives.
 */
#include <linux/build_bug.h>
#include <linux/printk.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <xen/page.h>
#include <xen/xen.h>
#include <xen/interface/io/ring.h>

#define ALICE_VERSION 1
#define ALICE_HELLO_VALUE 233
#define ALICE_HI_VALUE 234
#define ALICE_MAX_IDS 512 /* a request's id is below it */
#define ALICE_RING_SLOTS 64

#define ALICE_OP_HELLO 1
#define ALICE_OK 0
#define ALICE_WANT_DIGEST 1 /* flag of HELLO: concerns streams */

/* Byte offsets in the ring page. An owner's alive byte is 1 while it serves the ring, 0 after; its leaving byte is 1
 * before that where it goes in good order, and then states follow. */
#define ALICE_BACK_USED 59 /* 1 from the first request taken: nobody can begin on this ring any more */
#define ALICE_FRONT_LEAVING 60
#define ALICE_BACK_LEAVING 61
#define ALICE_FRONT_ALIVE 62
#define ALICE_BACK_ALIVE 63
#define ALICE_NOT_MAPPED 2 /* of ALICE_BACK_ALIVE, from the frontend: no backend has mapped the page yet */

#define ALICE_LEAVE_MS 2000 /* from the end of who was leaving to the state that says so */

struct alice_request {
	u16 op;	    /* ALICE_OP_HELLO */
	u16 id;	    /* of our choice, repeated in the response */
	u16 page;   /* 0 */
	u16 flags;  /* ALICE_WANT_DIGEST or 0 */
	u32 length; /* 0 */
	u32 value;  /* ALICE_HELLO_VALUE */
	u64 arg;    /* the version that the frontend speaks */
};

struct alice_response {
	u16 op; /* of the request */
	u16 id;
	s16 status; /* ALICE_OK */
	u16 flags;  /* 0 */
	u32 value;  /* ALICE_HI_VALUE */
	u32 pad;    /* 0 */
	u64 total;  /* the version to be used; 0: none in common */
	u8 digest[32];
};

DEFINE_RING_TYPES(alice, struct alice_request, struct alice_response);

static_assert(sizeof(struct alice_request) == 24, "requests are 24 bytes");
static_assert(sizeof(struct alice_response) == 56, "responses are 56 bytes");
static_assert(sizeof(union alice_sring_entry) == 56, "a slot holds either");
static_assert(offsetof(struct alice_request, arg) == 16, "no holes in requests");
static_assert(offsetof(struct alice_response, digest) == 24, "no holes in responses");
static_assert(offsetof(struct alice_sring, ring) == 64, "slots begin at byte 64");
static_assert(offsetof(struct alice_sring, __pad) <= ALICE_BACK_USED, "the bytes are in the padding");
static_assert(__CONST_RING_SIZE(alice, XEN_PAGE_SIZE) == ALICE_RING_SLOTS, "a page has 64 slots");

/* As the tutorial prints: where the driver runs, and what happened. */
#define alice_info(fmt, ...) pr_info("Dom%c: " fmt "\n", xen_initial_domain() ? '0' : 'U', ##__VA_ARGS__)

/* virt_: the other end runs on another CPU, also where this kernel has only one. */
static inline u8 alice_byte_get(const void *ring_page, unsigned int offset)
{
	const u8 *byte = (const u8 *)ring_page + offset;

	return virt_load_acquire(byte);
}

static inline void alice_byte_set(void *ring_page, unsigned int offset, u8 value)
{
	u8 *byte = (u8 *)ring_page + offset;

	virt_store_release(byte, value);
}

#endif
