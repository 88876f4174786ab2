/* SPDX-License-Identifier: MIT */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H
/*
 * A XenStore too simple to be wrong, to judge the real one by: nodes are a sorted array, everything else is
 * searched from one end to the other, a transaction is a copy of the tree, a list of what it rests on and the
 * requests to be done again at its end. Written from the protocol and docs/differences.md, knowing nothing of
 * src/store; what is shared is src/wire and the shape of inputs and effects.
 *
 *     store_apply(store, &in, &fx);              the real one first: it chooses the ids of connections
 *     wrong = model_step(model, &in, ret, &fx);  NULL, or what the effects should have been
 *
 * No memory left ends the program. Not for more than some ten thousand nodes.
 */
#include <xenbus/store.h>
#include <xenbus/wire.h>

/* --- the tree alone: what a checker of acknowledged writes needs --- */

struct model_perm {
	uint16_t domid;
	uint8_t access;	   /* WIRE_PERM_ bits */
	uint64_t instance; /* of the domain; MODEL_NOBODY is never anyone's */
};
#define MODEL_NOBODY UINT64_MAX

struct model_node {
	unsigned refs; /* by trees; changed only where it is 1 */
	char *path;
	uint8_t *value;
	size_t value_len;
	struct model_perm *perms; /* the first names the owner */
	size_t perm_count;
	uint64_t alive, stamps[3]; /* the incarnation; last change of value, list, children */
};

struct model_tree {
	struct model_node **nodes; /* sorted, each followed by what is beneath it */
	size_t count, capacity;
	uint64_t *clock; /* where stamps come from; borrowed */
};

/* A tree of "/", owned by domain 0, "n0". *@clock is counted up at each change. */
void model_tree_init(struct model_tree *tree, uint64_t *clock);
/* @copy shares the nodes of @tree; either may be changed and freed on its own. */
void model_tree_copy(struct model_tree *copy, const struct model_tree *tree);
void model_tree_free(struct model_tree *tree);

/* The node of an absolute path, or NULL. Borrowed until the next change. */
const struct model_node *model_find(const struct model_tree *tree, const char *path);
/* The names of @path's children, NUL-terminated each, in order of creation; malloc'ed *@out. Returns the bytes. */
size_t model_children(const struct model_tree *tree, const char *path, char **out);
/* The list as GET_PERMS answers it ("n0" NUL "r5" NUL) in malloc'ed *@out. Returns the bytes. */
size_t model_perms_text(const struct model_node *node, char **out);

/* Changes, of absolute paths that passed wire_path_check(). Missing parents are made; new nodes have their
 * parent's list, and @owner in its first entry if that is not NULL. */
void model_write(struct model_tree *tree, const char *path, const void *value, size_t len,
		 const struct model_perm *owner);
void model_mkdir(struct model_tree *tree, const char *path, const struct model_perm *owner);
/* With what is beneath. One that is not there, and "/", are left alone. */
void model_remove(struct model_tree *tree, const char *path);
/* One that is not there is left alone. */
void model_set_perms(struct model_tree *tree, const char *path, const struct model_perm *perms, size_t count);

/* A WRITE, MKDIR, RM or SET_PERMS of domain @domid, outside of transactions, that a store has acknowledged,
 * as it stood in the message. Domains are taken to be the same as long as their number is. */
void model_acknowledged(struct model_tree *tree, uint32_t domid, uint32_t op, const void *payload,
			size_t len);

/* --- the store --- */

struct model;

/* Quotas on memory and versions and `outstanding` are not kept: leave them 0. The callbacks are asked as the store
 * asks them; @config is copied. Holds what store_new() makes. */
struct model *model_new(const struct store_config *config);
void model_free(struct model *model);

/* What the store did with @in (@ret and @fx, whose out-fields stand in @in by now) compared with what it should
 * have done. Returns NULL, or the difference as text, valid until the next call. Log lines are not compared, the
 * texts of CONTROL are not, and of DIRECTORY_PART's generation only, outside
 * transactions, whether it changed when the node did. */
const char *model_step(struct model *model, const struct store_input *in, int ret,
		       const struct store_effects *fx);

/* All that @store holds (asked over @conn, a connection of domain 0 with nothing queued) against the model.
 * Returns as above. */
const char *model_compare(struct model *model, struct store *store, uint32_t conn);

#endif
