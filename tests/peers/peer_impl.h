/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PEERS_PEER_IMPL_H
#define TESTS_PEERS_PEER_IMPL_H
/* Shared by the files that implement peer.h. */
#include <base/list.h>

#include "machine.h"
#include "peer.h"

struct peer {
	enum peer_kind kind;
	pid_t pid;
	bool ended;
	int status; /* as of waitpid(), once it has ended */
	char dir[32];
	char socket[64];
	struct machine *machine;
	int file; /* the machine's */
	int fifo; /* its events */
	struct list conns;
};

struct peer_conn_ops {
	/* Bytes moved, 0: none can be at the moment; -EPIPE. */
	ssize_t (*send)(struct peer_conn *conn, const void *bytes, size_t len);
	ssize_t (*receive)(struct peer_conn *conn, void *bytes, size_t len);
	/* Until one of the above may move some, for a while of at most @ms. @sending says which. */
	void (*wait)(struct peer_conn *conn, bool sending, int ms);
	void (*close)(struct peer_conn *conn);
};

struct peer_conn {
	struct peer *peer;
	const struct peer_conn_ops *ops;
	struct list in; /* peer->conns */
	struct list kept;
	uint32_t req_id; /* of the last peer_ask() */
	/* What came of the next message. */
	size_t got;
	char partial[sizeof(struct xsd_sockmsg) + PEER_PAYLOAD_MAX];
	/* A socket's, */
	int fd;
	/* or a guest's: */
	uint32_t domid;
	uint32_t seen; /* events when it last looked at the ring */
	struct xenstore_domain_interface *ring;
};

/* A connection without an end yet; NULL: no memory. */
struct peer_conn *peer_conn_new(struct peer *peer, const struct peer_conn_ops *ops);
/* Milliseconds of the monotonic clock. */
int64_t peer_now(void);

#endif
