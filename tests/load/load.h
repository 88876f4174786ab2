/* SPDX-License-Identifier: MIT */
#ifndef TESTS_LOAD_H
#define TESTS_LOAD_H
/*
 * A thousand guests on rings and a thousand clients on sockets of the real program, driven from one thread:
 *
 *      victims    one request at a time each, drawn by a seed; each waits for its answer and judges it
 *      hostile    one connection more, or what one process can do; tries to be served instead of them
 *      model      what was acknowledged, in the order of the acknowledgements; compared with all that
 *                 the store holds in the end
 *
 * A phase ends when every victim has had its number of answers, so it ends only if nobody is starved.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <model.h>
#include <peer.h>

#define LOAD_HOSTILE 2000u /* its domid; victims are 1.. */
#define LOAD_BIG 400u	   /* children of a folder that everybody lists */

struct load;

#define PENDING 4u

struct load_request {
	uint32_t type, tx;
	size_t len;
	char payload[2200];
};

/* What its next answer is judged by. */
enum victim_step { IDLE, PLAIN, TX_START, TX_READ, TX_WRITE, TX_END, WATCHING };

struct victim {
	struct load *load;
	struct peer_conn *conn;
	uint32_t domid; /* 0: on a socket */
	unsigned int number;
	char home[40];
	uint32_t seed;
	struct load_request request;
	enum victim_step step;
	bool waiting;
	uint64_t sent_ns;
	unsigned int answers; /* of this phase */
	/* its transaction, if one is open */
	uint32_t tx;
	struct load_request pending[PENDING];
	unsigned int pendings;
	bool counts;			   /* its transactions count something up, together with others */
	unsigned int counter, value, lost; /* lost: in a row */
	/* its watch */
	bool watches, owed; /* owed: an event must come before the answer */
	uint64_t events;
};

struct load_figures {
	uint64_t ops, hostile_ops, hostile_errors, lost;
	unsigned int worst_lost;
	uint32_t passed, passed_guest;	   /* the most, as the server counts */
	uint64_t p50_ns, p99_ns, store_ns; /* store_ns: processor time */
	long rss_kib, after_kib;	   /* the most seen; and when the hostile one has gone */
};

struct hostile;

struct load {
	struct peer *peer;
	struct peer_conn *dom0;
	unsigned int guests, sockets;
	struct victim *victims; /* guests, then sockets */
	unsigned int count, counters;
	int epoll;
	struct model_tree model;
	uint64_t clock;
	uint64_t *counted; /* commits acknowledged, by counter */
	unsigned int busy; /* victims that have answers to come in this phase */
	unsigned int goal;
	bool judges;	/* our own server: every answer is looked at */
	bool contended; /* what transactions rest on is written by the hostile guest */
	struct load_figures now;
	uint32_t *latencies; /* ns, capped */
	size_t latency_count, latency_room;
	struct hostile *hostile;
	unsigned int wrongs;
	char wrong[400]; /* the first */
};

/* Notes what is wrong; the test fails with the first. */
void load_wrong(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t load_now_ns(void);
uint32_t load_dice(uint32_t *seed);

/* -- world.c */

/* Starts the server and connects everybody. NULL: said on stderr. */
struct load *load_begin(enum peer_kind kind, unsigned int guests, unsigned int sockets, uint32_t seed);
/* 0, or what peer_stop() says. */
int load_end(struct load *load);
/* By domain 0, which must be granted it; into the model if it changes the store. */
bool load_ask(struct load *load, uint32_t type, const void *payload, size_t len, struct peer_message *reply);
/* A guest with a home of its own, introduced; NULL: noted. */
struct peer_conn *load_guest(struct load *load, uint32_t domid);
/* The domain and its home go. */
void load_guest_gone(struct load *load, uint32_t domid);
/* What the server holds for all of them together. */
struct load_held {
	unsigned long long open, domains, connections, watches;
};
struct load_held load_held(struct load *load);
/* The server's count of who passed whom, since the last reset. */
void load_passed(struct load *load, uint32_t *most, uint32_t *most_guest, bool reset);

/* -- victim.c */

/* Has it ask for something. */
void victim_ask(struct victim *victim);
/* Takes what has come; returns the number of messages. */
int victim_take(struct victim *victim);

/* -- phase.c */

/* @goal answers for each victim, against @hostile (NULL: in peace). Returns the figures. */
struct load_figures load_phase(struct load *load, unsigned int goal, struct hostile *hostile);

/* -- checker.c */

/* All of the store, as domain 0 sees it, into an empty tree. */
void checker_read(struct load *load, struct model_tree *tree);
/* The store against the model: every difference is noted. */
void checker_compare(struct load *load);

/* -- hostile.c */

struct hostile_kind {
	const char *name;
	bool ring;
	/* Both may be NULL. */
	void (*begin)(struct hostile *hostile);
	void (*step)(struct hostile *hostile);
	uint32_t more_kib; /* what it may cost in memory */
	bool may_close;	   /* the server may give it up: it takes no events, and gets ever more of them */
};

extern const struct hostile_kind hostile_kinds[];
extern const size_t hostile_kind_count;

struct hostile *hostile_begin(struct load *load, const struct hostile_kind *kind);
/* Does what it can do without waiting. */
void hostile_step(struct hostile *hostile);
/* It goes, and what it wrote. */
void hostile_end(struct hostile *hostile);

#endif
