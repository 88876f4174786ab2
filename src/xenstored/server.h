/* SPDX-License-Identifier: MIT */
#ifndef XENSTORED_SERVER_H
#define XENSTORED_SERVER_H
/*
 * The I/O shell round the store: one thread, one epoll.
 *
 *      round:  wait -> who has something? -> one turn each, in order -> deferred work of the store
 *                   -> offer the output of those who had none of the turns -> bury the dead
 *
 * Each connection gets at most TURN_REQUESTS requests a round, so between two turns of one connection
 * every other that is ready has had one.
 */
#include <stdbool.h>
#include <stdint.h>

#include <base/idmap.h>
#include <base/list.h>
#include <xenbus/store.h>

#include "conn.h"
#include "guests.h"
#include "log.h"
#include "options.h"
#include "precedence.h"
#include "queue.h"
#include "sockets.h"
#include "trace.h"

struct server {
	struct log log;
	struct trace trace;
	struct store *store;
	struct store_effects effects;
	bool dispatching; /* effects are being carried out: what they cause joins the end of the list */
	uint64_t inputs;  /* given to the store from outside; those that follow from effects do not count */
	struct pool pool;
	int epoll;
	struct idmap conns; /* the store's id -> struct conn */
	struct list ready, dirty, dead;
	struct sockets sockets;
	struct guests guests;
	struct precedence precedence;
	unsigned int busy_rounds; /* since the store last had a tick */
	bool stopping;
	int status; /* for exit(), once stopping */
};

/* Opens everything and listens. 0; -errno, said on @server->log already; nothing is held. */
int server_open(struct server *server, const struct options *options);
void server_close(struct server *server);
/* One round, which waits at most @patience_ms (-1: for ever) for something to do. Returns 1 if there was
 * something, 0, or -errno: waiting fails. */
int server_round(struct server *server, int patience_ms);
/* Rounds until server_stop(). Returns its status, or 1 if waiting fails. */
int server_run(struct server *server);
void server_stop(struct server *server, int status);

/* Gives the store an input and carries out its effects. 0 or store_apply()'s error. */
int server_apply(struct server *server, struct store_input *in);
/* The same for a request of @conn, traced. */
void server_message(struct server *server, struct conn *conn, struct store_input *in);
void server_trace_out(struct server *server, const char *who, const void *message, size_t len);

/* Waits for @events (EPOLLIN, ...) on @fd; once added, changed with server_rewatch(). 0 or -errno. */
int server_watch(struct server *server, int fd, uint32_t events, struct source *source);
void server_rewatch(struct server *server, int fd, uint32_t events, struct source *source);

#endif
