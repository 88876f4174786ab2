/* SPDX-License-Identifier: MIT */
#ifndef TESTS_MODEL_PRIVATE_H
#define TESTS_MODEL_PRIVATE_H
/* What the model's files share. Arrays grow by model_grow(), so that a count is all they need. */
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct domain {
	uint32_t domid;
	uint64_t instance, target; /* of the domain it is the stub of, or MODEL_NOBODY */
	bool introduced;	   /* its ring is there */
	bool known;		   /* @introduceDomain has been told of it */
	bool shutdown;
	bool waits; /* INTRODUCE's reply waits for MAPPED */
	uint32_t asker, req_id, tx_id;
	uint32_t ring; /* the connection that the store said it will be */
};

/* A message that its connection has not taken yet. */
struct queued {
	size_t left, len;
	uint8_t *event; /* its payload; NULL: a reply */
};

/* What a transaction's answer rested on. */
enum aspect { ON_VALUE, ON_PERMS, ON_CHILDREN, ON_ALIVE, ON_ABSENCE };
struct rest {
	enum aspect aspect;
	char *path;
	uint64_t stamp;
};

/* A write of a transaction, to be done again at its end. */
struct deed {
	uint32_t op;
	char *path;
	uint8_t *value;
	size_t len;
	bool owned;
	struct model_perm owner, *perms;
	size_t perm_count;
};

/* A node that a transaction looked at or changed, in order of that. */
struct touched {
	char *path;
	bool counted; /* a request was about it */
	bool removed; /* that of before, by a request of its own */
	bool changed; /* that of now */
};

struct tx {
	uint32_t id;
	bool wrote;
	struct model_tree base, tree;
	struct rest *rests;
	struct deed *deeds;
	struct touched *touched;
	size_t rest_count, deed_count, touched_count;
};

struct conn {
	uint32_t id;
	uint64_t instance;
	uint32_t domid;
	bool ring, broken;
	uint32_t last_tx;
	struct tx *txs;
	struct queued *queue;
	size_t tx_count, queue_count;
};

struct watch {
	uint32_t conn;
	char *path, *token;
	size_t token_len, home; /* bytes of the path that its events are told without */
	uint32_t depth;
};

/* Some watched path begins so: since when, and how many do. */
struct prefix {
	char *path;
	size_t refs;
	uint64_t since;
};

/* A listing in parts named this generation for this state of a node. */
struct generation {
	char *path, text[WIRE_NUMBER_MAX + 1];
	uint64_t state;
};

/* What a connection should be sent, or the shell told. */
struct expected {
	enum store_effect_type type;
	uint32_t conn, domid, port;
	uint64_t gfn;
	uint32_t op, req_id, tx_id;
	uint8_t *payload;
	size_t len;
	bool optional;	  /* or not at all */
	bool any;	  /* whatever text */
	bool any_error;	  /* several mistakes in one request: either may be told */
	uint64_t part_of; /* not 0: a listing in parts; the state of the node */
	const char *path; /* of that node */
	bool in_tx;
};

struct model {
	struct store_config config;
	uint64_t clock, last_instance;
	struct model_tree now;
	struct model_node *specials[2]; /* @introduceDomain, @releaseDomain */
	struct domain *domains;
	struct conn *conns;
	struct watch *watches;
	struct prefix *prefixes;
	struct generation *generations;
	struct expected *expected;
	size_t domain_count, conn_count, watch_count, prefix_count, generation_count, expected_count;
	char *part_path;
	bool optional; /* what is fired now need not be told */
	char why[8192];
};

/* A request on its way. */
struct request {
	struct model *m;
	struct conn *conn;
	struct tx *tx; /* or NULL */
	struct model_tree *tree;
	const struct store_input *in;
	char *path; /* canonical; freed with the request */
	const char *rest;
	size_t rest_len;
	bool any_error;
};

/* --- model.c --- */
/* @array with room for one element more; elements move. */
void *model_grow(void *array, size_t count, size_t size);
void *model_copy(const void *bytes, size_t len); /* and a NUL behind it */
struct conn *model_conn(struct model *m, uint32_t id);
struct domain *model_domain(struct model *m, uint32_t domid);
struct domain *model_instance(struct model *m, uint64_t instance);
/* The domain, made if the oracle knows it; or NULL. */
struct domain *model_mention(struct model *m, uint32_t domid);
void model_drop_conn(struct model *m, struct conn *c);
/* Watches, transactions and what is queued. */
void model_reset_conn(struct model *m, struct conn *c, bool and_queue);
struct expected *model_expect(struct model *m, enum store_effect_type type, uint32_t conn);
void model_reply(struct model *m, uint32_t conn, uint32_t op, uint32_t req_id, uint32_t tx_id,
		 const void *payload, size_t len);
void model_event(struct model *m, uint32_t conn, const char *path, const struct watch *w);

/* --- compare.c --- */
/* What @fx are and should not be, or the other way round; NULL. */
const char *model_differs(struct model *m, const struct store_input *in, const struct store_effects *fx);

/* --- request.c --- */
void model_message(struct model *m, struct conn *c, const struct store_input *in);
void model_answer(struct request *r, const void *payload, size_t len);
/* The canonical path of the payload's first string into r->path, what follows it into r->rest; -EINVAL. */
int model_take_path(struct request *r, bool special);

/* --- ops.c: 0 and an answer given, or -errno --- */
int model_op_read(struct request *r);
int model_op_list(struct request *r);
int model_op_part(struct request *r);
int model_op_get_perms(struct request *r);
int model_op_write(struct request *r);
int model_op_remove(struct request *r);
int model_op_set_perms(struct request *r);

/* --- domains.c --- */
int model_op_introduce(struct request *r);
int model_op_release(struct request *r);
int model_op_is_introduced(struct request *r);
int model_op_resume(struct request *r);
int model_op_set_target(struct request *r);
int model_op_domain_path(struct request *r);
int model_mapped(struct model *m, const struct store_input *in);
int model_dead(struct model *m, uint32_t domid);
int model_shutdown(struct model *m, uint32_t domid);

/* --- rights.c --- */
uint8_t model_access(struct model *m, const struct conn *c, const struct model_node *node);
bool model_owns(struct model *m, const struct conn *c, const struct model_node *node);
/* The node of @path with all of @need allowed, or NULL and *@err. Notes what that rests on. */
const struct model_node *model_get(struct request *r, const char *path, uint8_t need, int *err);
/* The nearest that exists at or above @path; *@missing, malloc'ed, the first name that does not (NULL: it is there). */
const struct model_node *model_above(const struct model_tree *tree, const char *path, char **missing);
size_t model_owned(const struct model_tree *tree, uint64_t instance);
struct model_node **model_special(struct model *m, const char *path, size_t len);

/* --- tx.c --- */
int model_op_tx_start(struct request *r);
int model_op_tx_end(struct request *r);
struct tx *model_tx(struct conn *c, uint32_t id);
void model_tx_free(struct tx *tx);
void model_rest(struct tx *tx, enum aspect aspect, const char *path);
void model_rest_missing(struct tx *tx, const char *path);
/* A request led to @path, or no further. 0, or -ENOSPC: one more than a transaction may. */
int model_touch(struct request *r, const char *path);
/* Nodes that @owner would have if the request's transaction, if any, ended now. */
size_t model_would_own(struct request *r, uint64_t owner);
void model_deed(struct tx *tx, const struct deed *deed);
void model_do(struct model_tree *tree, const struct deed *deed);

/* --- watches.c --- */
int model_op_watch(struct request *r);
int model_op_unwatch(struct request *r);
void model_drop_watches(struct model *m, uint32_t conn);
/* @path changed, or was removed (it is in @before), and the tree is @after now. */
void model_fire(struct model *m, const struct model_tree *before, const struct model_tree *after,
		const char *path, bool removed);
void model_fire_special(struct model *m, const char *name, uint32_t domid);

#endif
