/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PEERS_PEER_H
#define TESTS_PEERS_PEER_H
/*
 * A XenStore server as a program, ours or one of Debian's two, on a machine without Xen:
 *
 *     test  --unix socket-->  server, with xenstub.so in front of Xen's libraries
 *       \---ring page and a datagram socket for each guest---/
 *
 * The same calls drive all three, so a test says once what it asks. Domains exist because the test says
 * so; guests are this process, which writes their ring pages by itself: nothing stands between a hostile
 * test and the server. No call waits longer than PEER_PATIENCE_MS for an answer.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xen/io/xs_wire.h>

#define PEER_PATIENCE_MS 20000 /* a server that is silent for so long hangs */
#define PEER_PAYLOAD_MAX 4096

enum peer_kind { PEER_OURS, PEER_C, PEER_OX, PEER_KINDS };

struct peer;
struct peer_conn; /* a client's socket, or a guest's ring */

/* "xenstored", "C xenstored 4.17", "oxenstored 4.17". */
const char *peer_name(enum peer_kind kind);
/* Can it be run here? NULL, or what is missing ("Debian's xen-utils-4.17 is not installed"). */
const char *peer_missing(enum peer_kind kind);

/* Starts a server in a folder of its own, with @options (NULL-terminated, NULL: none) behind those it needs, and
 * waits until it answers. The program of PEER_OURS is what XENSTORED names, else build/xenstored's path. 0 and *@out; -errno. */
int peer_start(enum peer_kind kind, const char *const *options, struct peer **out);
/* Ends the server and removes its folder. 0; 1 and a line on stderr: it had ended before, was killed by a signal, or (ours) a
 * sanitizer complained or it left something behind. */
int peer_stop(struct peer *peer);
/* Has it ended by itself? */
bool peer_has_ended(struct peer *peer);
enum peer_kind peer_kind(const struct peer *peer);
pid_t peer_pid(const struct peer *peer);
/* What it printed so far, NUL-terminated, at most @size - 1 bytes. */
size_t peer_output(const struct peer *peer, char *text, size_t size);
/* Resident memory in KiB. */
long peer_rss(const struct peer *peer);

/* -- domains */

/* @domid exists, running; nobody has introduced it. */
int peer_domain_create(struct peer *peer, uint32_t domid);
/* Existing ones stop running, or are gone; VIRQ_DOM_EXC is raised by peer_virq() alone, so several can go at once. */
int peer_domain_shutdown(struct peer *peer, uint32_t domid);
int peer_domain_destroy(struct peer *peer, uint32_t domid);
int peer_virq(struct peer *peer);

/* -- connections; closed by peer_conn_close(), at the latest by peer_stop() */

int peer_connect(struct peer *peer, struct peer_conn **out);
/* The guest's end of an existing domain's ring, fresh. INTRODUCE is somebody's request (grant 1, port 1). */
int peer_guest(struct peer *peer, uint32_t domid, struct peer_conn **out);
void peer_conn_close(struct peer_conn *conn);

/* Sends a whole message, as much as goes at a time, as the other end takes it. 0; -EPIPE it closed; -ETIME it did not take it. */
int peer_send(struct peer_conn *conn, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *payload,
	      size_t len);
/* Bytes as they are: broken framing, half a message. */
int peer_send_bytes(struct peer_conn *conn, const void *bytes, size_t len);
/* The same without waiting: bytes taken, 0 to @len; -EPIPE. */
ssize_t peer_try_send(struct peer_conn *conn, const void *bytes, size_t len);
/* A socket's descriptor, to be waited on with others. */
int peer_fd(const struct peer_conn *conn);
struct peer_message {
	struct xsd_sockmsg header;
	char payload[PEER_PAYLOAD_MAX + 1]; /* and a NUL behind it */
};
/* The next message, replies and events alike. 0; -EPIPE; -ETIME after @patience_ms (0: only what is there). */
int peer_receive(struct peer_conn *conn, struct peer_message *message, int patience_ms);
/* A request and its reply; events that come before it are kept for peer_event(), in order. */
int peer_ask(struct peer_conn *conn, uint32_t type, uint32_t tx_id, const void *payload, size_t len,
	     struct peer_message *reply);
/* The next event; 0; -EAGAIN there is none once everything that was sent before has been answered. */
int peer_event(struct peer_conn *conn, struct peer_message *event);

/* The guest's page, to be spoiled; and a kick without a message. Not for sockets. */
struct xenstore_domain_interface *peer_ring(struct peer_conn *conn);
int peer_kick(struct peer_conn *conn);

#endif
