/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_SERVER_H
#define XENSTORED_SERVER_H
/*
 * The I/O shell round the store: one thread, on a loop that somebody else may own.
 *
 *      host's callbacks:   who has something?
 *      server_serve():     one turn each, in order -> deferred work of the store
 *                          -> offer the output of those who had none of the turns -> bury the dead
 *
 * Each connection gets at most TURN_REQUESTS requests a round, so between two turns of one connection
 * every other that is ready has had one: fairness.h says what follows from it, and counts it. server_run() is the loop of a process that does nothing else;
 * any other calls server_serve() after the callbacks that it ran, and again when the time is over that
 * it returned.
 */
#include <stdbool.h>
#include <stdint.h>

#include <base/idmap.h>
#include <base/list.h>
#include <xenbus/host.h>
#include <xenbus/platform.h>
#include <xenbus/store.h>

#include "conn.h"
#include "fairness.h"
#include "guests.h"
#include "log.h"
#include "options.h"
#include "precedence.h"
#include "queue.h"
#include "sockets.h"
#include "tap.h"
#include "trace.h"

/* What it lives in, borrowed until server_close(). */
struct server_world {
	struct xenbus_host *host;
	struct xen_platform *platform; /* NULL: no hypervisor, sockets only */
};

struct server {
	struct xenbus_host *host;
	struct log log;
	struct trace trace;
	struct taps taps;
	struct store *store;
	struct store_effects effects;
	struct conn *asking; /* whose request is being worked off; NULL: nobody's */
	bool dispatching;    /* effects are being carried out: what they cause joins the end of the list */
	uint64_t carried;    /* effects carried out so far, and events that were spared */
	uint64_t inputs; /* given to the store from outside; those that follow from effects do not count */
	struct pool pool;
	struct idmap conns; /* the store's id -> struct conn */
	struct list ready, dirty, dead;
	struct list held; /* ready, but others take precedence; through .ready */
	struct sockets sockets;
	struct guests guests;
	struct precedence precedence;
	struct fairness fairness;
	uint64_t opened_ns;
	uint64_t clock_ns;	  /* as of when it was last read; 0: since the last poll it was not */
	struct meter_sum gone;	  /* of connections of domain 0 that are no more */
	unsigned int busy_rounds; /* since the store last had a tick */
	bool stopping;
	int status; /* for exit(), once stopping */
};

/* Opens a zeroed @server, whose log may have been set up, on nothing but @world's rings: clients come by
 * server_accept() or server_listen(). 0; -errno, said in its log already; nothing is held. */
int server_open(struct server *server, const struct options *options, const struct server_world *world);
/* Closes every connection, without a word to its peer. The world may have ended. */
void server_close(struct server *server);
/* Listens on the socket that the environment names (sockets.h). 0; -errno, logged. */
int server_listen(struct server *server);
/* Serves a privileged client on the stream @fd of the host, taken over, also where it fails: 0 or -errno. */
int server_accept(struct server *server, int fd);

/* One round: works off what callbacks of the host brought, and writes out. Returns how long the server can be
 * left alone unless a callback comes, in milliseconds; 0: serve again at once; -1: for ever. */
int server_serve(struct server *server);
/* Dispatches the host and serves, until server_stop(). Returns its status, or 1 if waiting fails. */
int server_run(struct server *server);
void server_stop(struct server *server, int status);

/* The host's clock, in nanoseconds, as good as the last read since the poll. */
uint64_t server_now(struct server *server);

/* Gives the store an input and carries out its effects. 0 or store_apply()'s error. */
int server_apply(struct server *server, struct store_input *in);
/* The same for a request of @conn, traced. */
void server_message(struct server *server, struct conn *conn, struct store_input *in);
static inline bool server_is_traced(const struct server *server)
{
	return trace_on(&server->trace) || taps_listen(&server->taps);
}
/* A reply or event to @conn. */
void server_trace_out(struct server *server, const struct conn *conn, const void *message, size_t len);

/* Asks for other @events (XENBUS_SOURCE_*) on a source that was added. */
void server_wait_for(struct server *server, struct xenbus_source *source, unsigned int events);

#endif
