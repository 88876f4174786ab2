/* SPDX-License-Identifier: MIT */
/* Who may do what. */
#include "private.h"

#define ALL (WIRE_PERM_READ | WIRE_PERM_WRITE)

/* Is @instance the caller's domain, or the one that it is the stub of? */
static bool acts_for(struct model *m, const struct conn *c, uint64_t instance)
{
	const struct domain *d = model_instance(m, c->instance);

	if (instance == MODEL_NOBODY)
		return false;
	return c->instance == instance || (d && d->target == instance);
}

bool model_owns(struct model *m, const struct conn *c, const struct model_node *node)
{
	return !c->instance || acts_for(m, c, node->perms[0].instance);
}

uint8_t model_access(struct model *m, const struct conn *c, const struct model_node *node)
{
	if (model_owns(m, c, node))
		return ALL;
	for (size_t i = 1; i < node->perm_count; i++)
		if (node->perms[i].domid == WIRE_DOMID_ANY || acts_for(m, c, node->perms[i].instance))
			return node->perms[i].access;
	return node->perms[0].access;
}

const struct model_node *model_above(const struct model_tree *tree, const char *path, char **missing)
{
	char *at = model_copy(path, strlen(path));
	const struct model_node *node;

	*missing = NULL;
	while (!(node = model_find(tree, at))) {
		char *slash = strrchr(at, '/');

		free(*missing);
		*missing = model_copy(at, strlen(at));
		slash[slash == at] = '\0';
	}
	free(at);
	return node;
}

const struct model_node *model_get(struct request *r, const char *path, uint8_t need, int *err)
{
	char *missing;
	const struct model_node *node = model_above(r->tree, path, &missing);
	const uint8_t access = model_access(r->m, r->conn, node);

	if (missing) {
		*err = model_touch(r, missing);
		free(missing);
		if (*err)
			return NULL;
		model_rest_missing(r->tx, path);
		*err = access & (need ? need : WIRE_PERM_WRITE) ? -ENOENT : -EACCES;
		return NULL;
	}
	*err = model_touch(r, path);
	if (*err)
		return NULL;
	model_rest(r->tx, ON_ALIVE, path);
	if ((access & need) == need)
		return node;
	model_rest(r->tx, ON_PERMS, path);
	*err = -EACCES;
	return NULL;
}

size_t model_owned(const struct model_tree *tree, uint64_t instance)
{
	size_t count = 0;

	for (size_t i = 0; i < tree->count; i++)
		count += tree->nodes[i]->perms[0].instance == instance;
	return count;
}

struct model_node **model_special(struct model *m, const char *path, size_t len)
{
	for (int i = 0; i < 2; i++)
		if (len == strlen(m->specials[i]->path) && !memcmp(path, m->specials[i]->path, len))
			return &m->specials[i];
	return NULL;
}
