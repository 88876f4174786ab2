/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_PROTOCOL_H
#define PLATFORM_LOCAL_PROTOCOL_H
/*
 * Between broker and clients: SOCK_SEQPACKET, one struct a message, cut behind the @count words that are
 * used; descriptors ride along. A client sends a request and waits for the reply before the next.
 *
 *      domain descriptor     client -> broker only: LOCAL_HELLO and one end of a fresh socket pair, over
 *                            which the broker answers, and all other requests of that process go
 *      "broker.sock"         toolstack requests; LOCAL_EXITED comes unasked
 *
 * Both sides are of one build: LOCAL_VERSION differs, the connection is refused. What a request does not
 * use is 0. The sender's mistakes cost it the connection; what the world may refuse gets an -errno.
 */
#include <stdint.h>

#define LOCAL_VERSION 1u
#define LOCAL_SOCKET "broker.sock"
#define LOCAL_LOCK "broker.lock"
#define LOCAL_MAX_FDS 64u    /* of one message */
#define LOCAL_MAX_WORDS 512u /* behind the head of one message */
#define LOCAL_MAX_PAGES 256u /* of one map or share */
#define LOCAL_STORE_REF 1u   /* GNTTAB_RESERVED_XENSTORE */
#define LOCAL_FIRST_REF 8u   /* GNTTAB_NR_RESERVED_ENTRIES */
#define LOCAL_FIRST_GFN 0xfeff0000u
#define LOCAL_NO_OFFSET UINT32_MAX
#define LOCAL_CHILD_FD 3 /* number of the domain descriptor in a spawned process */
#define LOCAL_MAX_SPAWN (1u << 20)

/* kind of handle, or what an object is: request, then reply */
enum local_op {
	LOCAL_HELLO = 1, /* count = LOCAL_VERSION, 1 fd      -> count = domid */

	LOCAL_OPEN,  /* count = enum local_handle            -> id */
	LOCAL_CLOSE, /* handle */

	LOCAL_BIND_UNBOUND,	/* handle, domid              -> id = port, fds: in, out */
	LOCAL_BIND_INTERDOMAIN, /* handle, domid, id = port   -> id = port, fds: in, out */
	LOCAL_BIND_VIRQ,	/* handle, count = virq       -> id = port, fd: in */
	LOCAL_UNBIND,		/* handle, id = port */

	LOCAL_MAP, /* handle, domid, count refs, flags, notify -> id, count struct local_page, fds: segments.
		      * result -EMSGSIZE: more than LOCAL_MAX_FDS segments, ask for fewer */
	LOCAL_UNMAP, /* handle, id */

	LOCAL_SHARE,   /* handle, domid, count pages, flags, notify -> id, count refs, fd: segment */
	LOCAL_SHARED,  /* handle, id: the granter has its mapping, the refs become valid */
	LOCAL_UNSHARE, /* handle, id                         -> count = pages mapped by others */

	LOCAL_DOMAIN_INFO,	  /* domid                    -> count = flags */
	LOCAL_STORE_RING,	  /* handle                   -> id = port, fds: segment, in, out */
	LOCAL_STORE_RING_RELEASE, /* */

	LOCAL_DOMAIN_CREATE,  /* domid or 0                 -> id = domid, refs[0] = port */
	LOCAL_DOMAIN_STORE,   /* domid                      -> refs[0] = port */
	LOCAL_DOMAIN_FD,      /* domid                      -> fd */
	LOCAL_DOMAIN_SPAWN,   /* domid, fds: text, 0, 1, 2  -> id = pid */
	LOCAL_DOMAIN_DESTROY, /* domid */
	LOCAL_DOMAINS,	      /* domid = from, count <= 256 -> count pairs domid, pid */
	LOCAL_STATS,	      /* domid or UINT32_MAX        -> struct xen_local_stats */
	LOCAL_DOWN,	      /* */

	LOCAL_OPS,
	LOCAL_EXITED, /* unasked: id = domid, refs[0] = pid, refs[1] = status */
};

enum local_handle { LOCAL_EVTCHN = 1, LOCAL_GNTTAB, LOCAL_GNTSHR };

#define LOCAL_WRITABLE 1u /* flags */

struct local_request {
	uint32_t op;
	uint32_t handle;
	uint32_t domid;
	uint32_t id;
	uint32_t count;
	uint32_t flags;
	uint32_t notify_offset; /* LOCAL_NO_OFFSET: none */
	uint32_t notify_port;	/* 0: none */
	uint32_t refs[LOCAL_MAX_PAGES];
};

/* Where a mapped page is: which of the message's descriptors, and which page of it. */
struct local_page {
	uint16_t segment;
	uint16_t page;
};

struct local_reply {
	uint32_t op; /* of the request, or LOCAL_EXITED */
	int32_t result;
	uint32_t id;
	uint32_t count;
	union {
		uint32_t refs[LOCAL_MAX_PAGES];
		struct local_page pages[LOCAL_MAX_PAGES];
		uint32_t words[LOCAL_MAX_WORDS];
	};
};
#define LOCAL_HEAD(type, tail) __builtin_offsetof(struct type, tail)

/* LOCAL_DOMAIN_SPAWN's text: a sealed memfd, this and then argc + envc + 1 strings, each with its NUL: the
 * working directory, the arguments, the environment. */
struct local_spawn_text {
	uint32_t argc, envc;
};

#endif
