/* SPDX-License-Identifier: MIT */
#ifndef _XEN_INTERFACE_IO_RING_H
#define _XEN_INTERFACE_IO_RING_H
/*
 * A page of requests and responses, in Xen's layout, and each end's private view of it.
 *
 *     req_prod  req_event  rsp_prod  rsp_event  pad[48]  entry 0  entry 1 ...    a power of two of them
 *
 * Indices run freely; entry i lies at i modulo the number of entries. Whoever reads an index of the other end's should know
 * that it may be anything: RING_REQUEST_PROD_OVERFLOW() and RING_RESPONSE_PROD_OVERFLOW() tell, RING_COPY_*() make
 * a copy that cannot change any more.
 */
#include <asm/barrier.h>
#include <linux/kernel.h>
#include <linux/string.h>

typedef unsigned int RING_IDX;

#define DEFINE_RING_TYPES(name, req_type, rsp_type)                \
	union name##_sring_entry {                                 \
		req_type req;                                      \
		rsp_type rsp;                                      \
	};                                                         \
	struct name##_sring {                                      \
		RING_IDX req_prod, req_event, rsp_prod, rsp_event; \
		u8 __pad[48];                                      \
		union name##_sring_entry ring[1];                  \
	};                                                         \
	struct name##_front_ring {                                 \
		RING_IDX req_prod_pvt, rsp_cons;                   \
		unsigned int nr_ents;                              \
		struct name##_sring *sring;                        \
	};                                                         \
	struct name##_back_ring {                                  \
		RING_IDX rsp_prod_pvt, req_cons;                   \
		unsigned int nr_ents;                              \
		struct name##_sring *sring;                        \
	};                                                         \
	typedef struct name##_sring name##_sring_t;                \
	typedef struct name##_front_ring name##_front_ring_t;      \
	typedef struct name##_back_ring name##_back_ring_t

/* The largest power of two of entries that fit into @size bytes. A constant where @size is. */
#define LINUX_RING_FIT(n)     \
	((n) >= 4096   ? 4096 \
	 : (n) >= 2048 ? 2048 \
	 : (n) >= 1024 ? 1024 \
	 : (n) >= 512  ? 512  \
	 : (n) >= 256  ? 256  \
	 : (n) >= 128  ? 128  \
	 : (n) >= 64   ? 64   \
	 : (n) >= 32   ? 32   \
	 : (n) >= 16   ? 16   \
	 : (n) >= 8    ? 8    \
	 : (n) >= 4    ? 4    \
	 : (n) >= 2    ? 2    \
	 : (n) >= 1    ? 1    \
		       : 0)
#define __CONST_RING_SIZE(name, size) \
	LINUX_RING_FIT(((size)-offsetof(struct name##_sring, ring)) / sizeof(union name##_sring_entry))
#define __RING_SIZE(s, size) \
	((unsigned int)LINUX_RING_FIT(((size) - ((char *)(s)->ring - (char *)(s))) / sizeof((s)->ring[0])))

#define SHARED_RING_INIT(s)                                \
	do {                                               \
		(s)->req_prod = (s)->rsp_prod = 0;         \
		(s)->req_event = (s)->rsp_event = 1;       \
		memset((s)->__pad, 0, sizeof((s)->__pad)); \
	} while (0)
#define FRONT_RING_ATTACH(r, s, at, size)                 \
	do {                                              \
		(r)->req_prod_pvt = (r)->rsp_cons = (at); \
		(r)->nr_ents = __RING_SIZE(s, size);      \
		(r)->sring = (s);                         \
	} while (0)
#define FRONT_RING_INIT(r, s, size) FRONT_RING_ATTACH(r, s, 0, size)
#define XEN_FRONT_RING_INIT(r, s, size)      \
	do {                                 \
		SHARED_RING_INIT(s);         \
		FRONT_RING_INIT(r, s, size); \
	} while (0)
#define BACK_RING_ATTACH(r, s, at, size)                  \
	do {                                              \
		(r)->rsp_prod_pvt = (r)->req_cons = (at); \
		(r)->nr_ents = __RING_SIZE(s, size);      \
		(r)->sring = (s);                         \
	} while (0)
#define BACK_RING_INIT(r, s, size) BACK_RING_ATTACH(r, s, 0, size)

#define RING_SIZE(r) ((r)->nr_ents)
#define RING_FREE_REQUESTS(r) (RING_SIZE(r) - ((r)->req_prod_pvt - (r)->rsp_cons))
#define RING_FULL(r) (RING_FREE_REQUESTS(r) == 0)
#define RING_SLOT(r, idx) (&(r)->sring->ring[(idx) & (RING_SIZE(r) - 1)])
#define RING_GET_REQUEST(r, idx) (&RING_SLOT(r, idx)->req)
#define RING_GET_RESPONSE(r, idx) (&RING_SLOT(r, idx)->rsp)

/* Through a volatile pointer, or the compiler might read the shared memory again instead of the copy. */
#define RING_COPY_REQUEST(r, idx, to)                                       \
	do {                                                                \
		*(to) = *(volatile __typeof__(to))RING_GET_REQUEST(r, idx); \
	} while (0)
#define RING_COPY_RESPONSE(r, idx, to)                                       \
	do {                                                                 \
		*(to) = *(volatile __typeof__(to))RING_GET_RESPONSE(r, idx); \
	} while (0)

#define XEN_RING_NR_UNCONSUMED_RESPONSES(r) (READ_ONCE((r)->sring->rsp_prod) - (r)->rsp_cons)
/* Never more than there is room for answers. */
#define XEN_RING_NR_UNCONSUMED_REQUESTS(r)                                                    \
	({                                                                                    \
		unsigned int ring_there_ = READ_ONCE((r)->sring->req_prod) - (r)->req_cons;   \
		unsigned int ring_room_ = RING_SIZE(r) - ((r)->req_cons - (r)->rsp_prod_pvt); \
		ring_there_ < ring_room_ ? ring_there_ : ring_room_;                          \
	})
#define RING_HAS_UNCONSUMED_RESPONSES(r) (!!XEN_RING_NR_UNCONSUMED_RESPONSES(r))
#define RING_HAS_UNCONSUMED_REQUESTS(r) (!!XEN_RING_NR_UNCONSUMED_REQUESTS(r))
#define RING_REQUEST_CONS_OVERFLOW(r, cons) (((cons) - (r)->rsp_prod_pvt) >= RING_SIZE(r))
#define RING_REQUEST_PROD_OVERFLOW(r, prod) (((prod) - (r)->rsp_prod_pvt) > RING_SIZE(r))
#define RING_RESPONSE_PROD_OVERFLOW(r, prod) (((prod) - (r)->rsp_cons) > RING_SIZE(r))

/* What was written is there before the index that says so. */
#define RING_PUSH_REQUESTS(r)                                        \
	do {                                                         \
		virt_wmb();                                          \
		WRITE_ONCE((r)->sring->req_prod, (r)->req_prod_pvt); \
	} while (0)
#define RING_PUSH_RESPONSES(r)                                       \
	do {                                                         \
		virt_wmb();                                          \
		WRITE_ONCE((r)->sring->rsp_prod, (r)->rsp_prod_pvt); \
	} while (0)
/* Did the index pass the one at which the other end wants to be told? Asked after it was published: the other end
 * sets its wish, then looks at the index. */
#define LINUX_RING_PUSH(r, which, wish, to, notify)                              \
	do {                                                                     \
		RING_IDX ring_old_ = (r)->sring->which, ring_new_ = (to);        \
		virt_wmb();                                                      \
		WRITE_ONCE((r)->sring->which, ring_new_);                        \
		virt_mb();                                                       \
		(notify) = (RING_IDX)(ring_new_ - READ_ONCE((r)->sring->wish)) < \
			   (RING_IDX)(ring_new_ - ring_old_);                    \
	} while (0)
#define RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(r, notify) \
	LINUX_RING_PUSH(r, req_prod, req_event, (r)->req_prod_pvt, notify)
#define RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(r, notify) \
	LINUX_RING_PUSH(r, rsp_prod, rsp_event, (r)->rsp_prod_pvt, notify)
#define RING_FINAL_CHECK_FOR_REQUESTS(r, more)                        \
	do {                                                          \
		(more) = RING_HAS_UNCONSUMED_REQUESTS(r);             \
		if (more)                                             \
			break;                                        \
		WRITE_ONCE((r)->sring->req_event, (r)->req_cons + 1); \
		virt_mb();                                            \
		(more) = RING_HAS_UNCONSUMED_REQUESTS(r);             \
	} while (0)
#define RING_FINAL_CHECK_FOR_RESPONSES(r, more)                       \
	do {                                                          \
		(more) = RING_HAS_UNCONSUMED_RESPONSES(r);            \
		if (more)                                             \
			break;                                        \
		WRITE_ONCE((r)->sring->rsp_event, (r)->rsp_cons + 1); \
		virt_mb();                                            \
		(more) = RING_HAS_UNCONSUMED_RESPONSES(r);            \
	} while (0)

#endif
