/* SPDX-License-Identifier: MIT */
#ifndef STORE_REQUEST_H
#define STORE_REQUEST_H
/* One message on its way: who asks, what for, in which transaction, and where its path leads. */
#include "conn.h"
#include "core.h"
#include "domain.h"
#include "effects.h"
#include "node.h"
#include "tx.h"

/* Where a path leads: in the store as it is now (t is NULL) or in the overlay of a transaction. */
struct spot {
	bool exists;
	uint32_t node; /* outside a transaction */
	struct txnode *t;
	/* The nearest existing node above; if the spot is missing, ... */
	uint32_t above;
	struct txnode *t_above;
	struct txnode *t_missing;  /* ... the first missing name in the overlay, */
	struct wire_strings names; /* ... and the names from there on. */
};

struct request {
	struct store *s;
	struct store_effects *out;
	struct conn *conn;
	struct domain *dom;
	const struct store_input *in;
	struct tx *tx;
	const char *path; /* canonical */
	size_t path_len;
	struct spot spot;
	uint32_t reached_kinds;		     /* bits: quotas whose figure it would make... */
	uint64_t reached[STORE_QUOTA_KINDS]; /* ... so large */
	char buf[WIRE_ABS_PATH_MAX];
};

/* An operation: 0 (it has replied) or -errno; REPLY_LATER: neither. */
typedef int request_op(struct request *rq);
#define REPLY_LATER 1

/* reply.c */
void reply_to(struct store *s, struct store_effects *out, uint32_t conn, const struct xsd_sockmsg *h,
	      const void *payload, size_t len);
void reply_error_to(struct store *s, struct store_effects *out, uint32_t conn, uint32_t req_id,
		    uint32_t tx_id, int err);
int reply(struct request *rq, const void *payload, size_t len);
int reply_ok(struct request *rq);
/* A string and its NUL. */
int reply_string(struct request *rq, const char *string);
/* For replies put together piece by piece: -E2BIG if it became too long (and was undone), else 0. */
int reply_finish(struct request *rq, struct message *m);

/* find.c */
/* The payload is one string and nothing else: 0 and *@len; -EINVAL. */
int request_one_string(const struct request *rq, const char **string, size_t *len);
/* Takes @text as the request's path: 0; -EINVAL. */
int request_path(struct request *rq, const char *text, size_t len);
/* Looks up the request's path. In a transaction its answer rests on @rests of what is found.
 * 0: there, with all @access; -EACCES; -ENOENT: missing, and the caller may know;
 * -ENOSPC, -ENOMEM: quota or memory. */
int request_find(struct request *rq, unsigned access, unsigned rests);
/* A domid, 0..65535: 0; -EINVAL. */
int request_domid(const char *text, size_t len, uint32_t *domid);
/* What the connection is offered: WIRE_FEATURE_ bits. */
uint32_t request_features(const struct request *rq);
/* The list of what was found, and of the nearest existing node above. */
uint32_t spot_perms(const struct request *rq);
uint32_t spot_above_perms(const struct request *rq);

request_op op_read, op_directory, op_directory_part, op_get_perms; /* op_read.c */
request_op op_write, op_mkdir, op_rm, op_set_perms;		   /* op_write.c */
request_op op_watch, op_unwatch, op_reset_watches;		   /* op_watch.c */
request_op op_transaction_start, op_transaction_end;		   /* op_tx.c */
request_op op_introduce, op_release, op_get_domain_path, op_is_domain_introduced, op_resume,
	op_set_target;						       /* op_domain.c */
request_op op_get_feature, op_set_feature, op_get_quota, op_set_quota; /* op_limits.c */
request_op op_control;						       /* op_control.c */

/* op_domain.c: inputs about domains */
int domain_mapped(struct store *s, struct domain *domain, int error, struct store_effects *out);
void domain_shutdown(struct store *s, struct domain *domain, struct store_effects *out);

#endif
