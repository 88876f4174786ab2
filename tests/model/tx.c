/* SPDX-License-Identifier: MIT */
/* Transactions: a copy of the tree, what its answers rested on, and its writes, done once more at the end. */
#include "private.h"

struct tx *model_tx(struct conn *c, uint32_t id)
{
	for (size_t i = 0; i < c->tx_count; i++)
		if (c->txs[i].id == id)
			return &c->txs[i];
	return NULL;
}

void model_tx_free(struct tx *tx)
{
	for (size_t i = 0; i < tx->rest_count; i++)
		free(tx->rests[i].path);
	for (size_t i = 0; i < tx->touched_count; i++)
		free(tx->touched[i].path);
	for (size_t i = 0; i < tx->deed_count; i++) {
		free(tx->deeds[i].path);
		free(tx->deeds[i].value);
		free(tx->deeds[i].perms);
	}
	free(tx->rests);
	free(tx->touched);
	free(tx->deeds);
	model_tree_free(&tx->base);
	model_tree_free(&tx->tree);
}

static void add_rest(struct tx *tx, enum aspect aspect, const char *path, uint64_t stamp)
{
	for (size_t i = 0; i < tx->rest_count; i++)
		if (tx->rests[i].aspect == aspect && !strcmp(tx->rests[i].path, path))
			return;
	tx->rests = model_grow(tx->rests, tx->rest_count, sizeof(*tx->rests));
	tx->rests[tx->rest_count++] = (struct rest){ aspect, model_copy(path, strlen(path)), stamp };
}

/* What it changed itself rests on nothing. */
void model_rest(struct tx *tx, enum aspect aspect, const char *path)
{
	const struct model_node *base, *mine;

	if (!tx)
		return;
	base = model_find(&tx->base, path);
	mine = model_find(&tx->tree, path);
	if (aspect == ON_ABSENCE) {
		if (!base)
			add_rest(tx, aspect, path, 0);
		return;
	}
	if (!base || !mine || base->alive != mine->alive)
		return;
	add_rest(tx, ON_ALIVE, path, base->alive);
	if (aspect == ON_VALUE || aspect == ON_PERMS)
		if (base->stamps[aspect] == mine->stamps[aspect])
			add_rest(tx, aspect, path, base->stamps[aspect]);
	if (aspect == ON_CHILDREN) /* its own children aside, there are those of before */
		add_rest(tx, aspect, path, base->stamps[aspect]);
}

void model_rest_missing(struct tx *tx, const char *path)
{
	const struct model_node *above, *base;
	char *missing;

	if (!tx)
		return;
	above = model_above(&tx->tree, path, &missing);
	base = model_find(&tx->base, above->path);
	if (base && base->alive == above->alive)
		model_rest(tx, ON_ABSENCE, missing);
	model_rest(tx, ON_PERMS, above->path);
	free(missing);
}

static struct touched *touched(struct tx *tx, const char *path)
{
	for (size_t i = 0; i < tx->touched_count; i++)
		if (!strcmp(tx->touched[i].path, path))
			return &tx->touched[i];
	return NULL;
}

/* All names on the way there, too: it is the order of their events. */
static struct touched *touch(struct tx *tx, const char *path)
{
	for (size_t len = 1; len <= strlen(path); len++) {
		char *name;

		if (len > 1 && path[len] && path[len] != '/')
			continue;
		name = model_copy(path, len);
		if (touched(tx, name)) {
			free(name);
			continue;
		}
		tx->touched = model_grow(tx->touched, tx->touched_count, sizeof(*tx->touched));
		tx->touched[tx->touched_count++] = (struct touched){ .path = name };
	}
	return touched(tx, path);
}

int model_touch(struct request *r, const char *path)
{
	const uint32_t limit = r->m->config.quota.transaction_nodes;
	struct touched *t;
	size_t count = 1;

	if (!r->tx)
		return 0;
	t = touch(r->tx, path);
	for (size_t i = 0; i < r->tx->touched_count; i++)
		count += r->tx->touched[i].counted;
	if (!t->counted && r->conn->instance && limit && count > limit)
		return -ENOSPC;
	t->counted = true;
	return 0;
}

/* Is @path of now beneath a node that the transaction removes? */
static bool is_removed(const struct model_tree *now, const struct tx *tx, const char *path)
{
	for (size_t i = 0; i < tx->touched_count; i++) {
		const struct touched *t = &tx->touched[i];
		const struct model_node *node = t->removed ? model_find(now, t->path) : NULL;

		if (node && node->alive == model_find(&tx->base, t->path)->alive &&
		    wire_path_is_under(path, strlen(path), t->path, strlen(t->path)))
			return true;
	}
	return false;
}

size_t model_would_own(struct request *r, uint64_t owner)
{
	const struct model_tree *now = &r->m->now;
	const struct tx *tx = r->tx;
	size_t count = 0;

	if (!tx)
		return model_owned(now, owner);
	for (size_t i = 0; i < now->count; i++)
		if (now->nodes[i]->perms[0].instance == owner)
			count += !is_removed(now, tx, now->nodes[i]->path);
	for (size_t i = 0; i < tx->tree.count; i++) {
		const struct model_node *node = tx->tree.nodes[i];
		const struct model_node *base = model_find(&tx->base, node->path);

		if (node->perms[0].instance == owner)
			count += !base || base->alive != node->alive;
	}
	return count;
}

void model_do(struct model_tree *tree, const struct deed *d)
{
	const struct model_perm *owner = d->owned ? &d->owner : NULL;

	if (d->op == XS_WRITE)
		model_write(tree, d->path, d->value, d->len, owner);
	else if (d->op == XS_MKDIR)
		model_mkdir(tree, d->path, owner);
	else if (d->op == XS_RM)
		model_remove(tree, d->path);
	else
		model_set_perms(tree, d->path, d->perms, d->perm_count);
}

static void note(struct tx *tx, const struct deed *d)
{
	const struct model_node *base = model_find(&tx->base, d->path),
				*mine = model_find(&tx->tree, d->path);
	struct touched *t = touch(tx, d->path);

	if (d->op == XS_RM) {
		if (base && base->alive == mine->alive)
			t->removed = true;
		for (size_t i = 0; i < tx->touched_count; i++) {
			const char *other = tx->touched[i].path;

			if (wire_path_is_under(other, strlen(other), d->path, strlen(d->path)))
				tx->touched[i].changed = false;
		}
	} else {
		t->changed = true;
	}
}

void model_deed(struct tx *tx, const struct deed *deed)
{
	struct deed *d;

	tx->deeds = model_grow(tx->deeds, tx->deed_count, sizeof(*tx->deeds));
	d = &tx->deeds[tx->deed_count++];
	*d = *deed;
	d->path = model_copy(deed->path, strlen(deed->path));
	d->value = model_copy(deed->value, deed->len);
	d->perms = model_copy(deed->perms, deed->perm_count * sizeof(*deed->perms));
	note(tx, d);
	tx->wrote = true;
	model_do(&tx->tree, d);
}

int model_op_tx_start(struct request *r)
{
	const uint32_t limit = r->m->config.quota.transactions;
	struct conn *c = r->conn;
	struct tx *tx;
	char text[16];

	if (r->tx)
		return -EBUSY;
	if (c->instance && limit && c->tx_count >= limit)
		return -ENOSPC;
	c->txs = model_grow(c->txs, c->tx_count, sizeof(*c->txs));
	tx = &c->txs[c->tx_count++];
	*tx = (struct tx){ .id = ++c->last_tx };
	model_tree_copy(&tx->base, &r->m->now);
	model_tree_copy(&tx->tree, &r->m->now);
	model_answer(r, text, (size_t)snprintf(text, sizeof(text), "%u", tx->id) + 1);
	return 0;
}

static bool holds(const struct model_tree *now, const struct rest *rest)
{
	const struct model_node *node = model_find(now, rest->path);

	if (rest->aspect == ON_ABSENCE)
		return !node;
	if (!node)
		return false;
	return (rest->aspect == ON_ALIVE ? node->alive : node->stamps[rest->aspect]) == rest->stamp;
}

/* Would the tree have a dead owner, or one with more nodes than he may have now? */
static bool is_refused(struct request *r, const struct model_tree *after)
{
	const uint32_t limit = r->m->config.quota.nodes;

	for (size_t i = 0; i < after->count; i++)
		if (!model_instance(r->m, after->nodes[i]->perms[0].instance))
			return true;
	for (size_t i = 1; r->conn->instance && limit && i < r->m->domain_count; i++) {
		const uint64_t owner = r->m->domains[i].instance;
		const size_t had = model_owned(&r->m->now, owner), has = model_owned(after, owner);

		if (has > limit && has > had)
			return true;
	}
	return false;
}

/* A list of children that lost what it gained has not changed. */
static void keep_lists(const struct model_tree *before, struct model_tree *after)
{
	for (size_t i = 0; i < after->count; i++) {
		const struct model_node *old = model_find(before, after->nodes[i]->path);
		struct model_node *node = after->nodes[i];
		char *was, *is;
		size_t len;
		bool same = old && old->alive == node->alive && old->stamps[2] != node->stamps[2];

		if (!same)
			continue;
		len = model_children(before, node->path, &was);
		same = model_children(after, node->path, &is) == len && !memcmp(was, is, len);
		for (size_t at = 0; same && at < len; at += strlen(was + at) + 1) {
			char *child = malloc(strlen(node->path) + strlen(was + at) + 2);

			sprintf(child, "%s/%s", strcmp(node->path, "/") ? node->path : "", was + at);
			same = model_find(before, child)->alive == model_find(after, child)->alive;
			free(child);
		}
		if (same)
			node->stamps[2] = old->stamps[2];
		free(was);
		free(is);
	}
}

/* What was removed by name beneath @top, before that went with all around it: leaves first. */
static void fire_gone(struct request *r, const struct model_tree *before, const struct model_tree *after,
		      const char *top)
{
	const size_t top_len = strcmp(top, "/") ? strlen(top) : 0;

	for (size_t i = 0; i < r->tx->touched_count; i++) {
		const struct touched *t = &r->tx->touched[i];

		if (strncmp(t->path, top, top_len) || t->path[top_len] != '/' || !t->path[top_len + 1] ||
		    strchr(t->path + top_len + 1, '/'))
			continue;
		fire_gone(r, before, after, t->path);
		if (t->removed && !model_find(after, t->path))
			model_fire(r->m, before, after, t->path, false);
	}
}

/* Gone with what was above it, and made anew: told as without a transaction, to who may read the new one. */
static bool is_replaced(const struct model_tree *before, const struct model_tree *after, const char *path)
{
	const struct model_node *old = model_find(before, path), *new = model_find(after, path);

	return old && new && old->alive != new->alive;
}

static int commit(struct request *r)
{
	struct model_tree before, after;
	struct tx *tx = r->tx;

	for (size_t i = 0; i < tx->rest_count; i++)
		if (!holds(&r->m->now, &tx->rests[i]))
			return -EAGAIN;
	model_tree_copy(&after, &r->m->now);
	for (size_t i = 0; i < tx->deed_count; i++)
		model_do(&after, &tx->deeds[i]);
	if (is_refused(r, &after)) {
		model_tree_free(&after);
		return -EAGAIN;
	}
	keep_lists(&r->m->now, &after);
	before = r->m->now;
	r->m->now = after;
	for (size_t i = 0; i < tx->touched_count; i++) {
		if (tx->touched[i].removed) {
			fire_gone(r, &before, &after, tx->touched[i].path);
			model_fire(r->m, &before, &after, tx->touched[i].path, true);
		} else if (tx->touched[i].changed) {
			model_fire(r->m, is_replaced(&before, &after, tx->touched[i].path) ? &after : &before,
				   &after, tx->touched[i].path, false);
		}
	}
	model_tree_free(&before);
	return 0;
}

int model_op_tx_end(struct request *r)
{
	const char *arg = r->in->payload;
	struct conn *c = r->conn;
	int err = 0;

	if (r->in->len != 2 || arg[1] || (arg[0] != 'T' && arg[0] != 'F'))
		return -EINVAL;
	if (!r->tx)
		return -ENOENT;
	if (arg[0] == 'T' && r->tx->wrote)
		err = commit(r);
	model_tx_free(r->tx);
	*r->tx = c->txs[--c->tx_count];
	r->tx = NULL;
	if (!err)
		model_answer(r, "OK", 3);
	return err;
}
