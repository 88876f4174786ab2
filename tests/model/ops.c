/* SPDX-License-Identifier: MIT */
/* Requests that read or change nodes. */
#include "private.h"

#define ENTRY_SIZE 8 /* bytes of node_size that an entry of the list takes */

/* The request is a path and nothing else; the node, which the caller may read. */
static const struct model_node *readable(struct request *r, int *err)
{
	*err = model_take_path(r, false);
	if (!*err && r->rest_len)
		*err = -EINVAL;
	return *err ? NULL : model_get(r, r->path, WIRE_PERM_READ, err);
}

int model_op_read(struct request *r)
{
	int err;
	const struct model_node *node = readable(r, &err);

	if (!node)
		return err;
	model_rest(r->tx, ON_VALUE, r->path);
	model_answer(r, node->value, node->value_len);
	return 0;
}

int model_op_list(struct request *r)
{
	int err;
	size_t len;
	char *names;

	if (!readable(r, &err))
		return err;
	model_rest(r->tx, ON_CHILDREN, r->path);
	len = model_children(r->tree, r->path, &names);
	if (len <= WIRE_PAYLOAD_MAX)
		model_answer(r, names, len);
	free(names);
	return len <= WIRE_PAYLOAD_MAX ? 0 : -E2BIG;
}

/* The generation's place is left out of the payload: the comparison knows the real one. */
int model_op_part(struct request *r)
{
	const struct model_node *node;
	struct expected *e;
	uint64_t offset;
	char *names;
	size_t len;
	int err = model_take_path(r, false);

	if (err)
		return err;
	if (!r->rest_len || r->rest[r->rest_len - 1] ||
	    wire_number(r->rest, r->rest_len - 1, UINT32_MAX, &offset))
		return -EINVAL;
	node = model_get(r, r->path, WIRE_PERM_READ, &err);
	if (!node)
		return err;
	model_rest(r->tx, ON_CHILDREN, r->path);
	len = model_children(r->tree, r->path, &names);
	offset = offset < len ? offset : len;
	model_answer(r, names + offset, len - offset);
	free(names);
	e = &r->m->expected[r->m->expected_count - 1];
	e->part_of = node->alive; /* or what changed last */
	for (int i = 0; i < 3; i++)
		e->part_of = e->part_of > node->stamps[i] ? e->part_of : node->stamps[i];
	e->in_tx = r->tx != NULL;
	free(r->m->part_path);
	e->path = r->m->part_path = model_copy(r->path, strlen(r->path));
	return 0;
}

static void answer_perms(struct request *r, const struct model_node *node)
{
	char *text;
	const size_t len = model_perms_text(node, &text);

	model_answer(r, text, len);
	free(text);
}

int model_op_get_perms(struct request *r)
{
	int err = model_take_path(r, true);
	const struct model_node *node;

	if (err)
		return err;
	if (r->rest_len)
		return -EINVAL;
	if (r->path[0] == '@') {
		struct model_node **special = model_special(r->m, r->path, strlen(r->path));

		if (!special)
			return -EINVAL;
		if (!(model_access(r->m, r->conn, *special) & WIRE_PERM_READ))
			return -EACCES;
		answer_perms(r, *special);
		return 0;
	}
	node = model_get(r, r->path, WIRE_PERM_READ, &err);
	if (!node)
		return err;
	model_rest(r->tx, ON_PERMS, r->path);
	answer_perms(r, node);
	return 0;
}

static bool too_large(const struct request *r, size_t value, size_t entries)
{
	const uint32_t limit = r->m->config.quota.node_size;

	return r->conn->instance && limit && value + entries * ENTRY_SIZE > limit;
}

/* May the caller make what is missing of r->path beneath @above? */
static int may_create(struct request *r, const struct model_node *above, const char *missing, size_t value,
		      const struct model_perm *owner)
{
	const uint32_t limit = r->m->config.quota.nodes;
	const uint64_t payer = owner ? owner->instance : above->perms[0].instance;
	size_t made = 1, have = model_would_own(r, payer);

	for (const char *c = r->path + strlen(missing); *c; c++)
		made += *c == '/';
	/* Domain 0 has no limit; who is over his is refused what makes it more. */
	if (r->conn->instance && payer && limit && have + made > limit &&
	    have + made > model_owned(&r->m->now, payer))
		return -ENOSPC;
	return too_large(r, value, above->perm_count) ? -ENOSPC : 0;
}

/* Whose a node that the caller makes is; NULL: the parent's owner's. */
static const struct model_perm *maker(struct request *r, struct model_perm *owner)
{
	const struct domain *d = model_instance(r->m, r->conn->instance);
	const struct domain *target = d->target == MODEL_NOBODY ? NULL : model_instance(r->m, d->target);

	if (!r->conn->instance)
		return NULL;
	d = target ? target : d;
	*owner = (struct model_perm){ .domid = (uint16_t)d->domid, .instance = d->instance };
	return owner;
}

/* In a transaction it is remembered, to be done again. */
static void carry_out(struct request *r, const struct deed *deed)
{
	struct model_tree before;

	if (r->tx) {
		model_deed(r->tx, deed);
		return;
	}
	model_tree_copy(&before, &r->m->now);
	model_do(&r->m->now, deed);
	model_fire(r->m, &before, &r->m->now, r->path, deed->op == XS_RM);
	model_tree_free(&before);
}

static int create(struct request *r, const struct model_node *above, const char *missing, struct deed *deed)
{
	const uint8_t access = model_access(r->m, r->conn, above);
	struct model_perm owner;
	int err;

	deed->owned = maker(r, &owner) != NULL;
	deed->owner = owner;
	err = model_touch(r, missing);
	if (err)
		return err;
	model_rest_missing(r->tx, r->path);
	if (!(access & WIRE_PERM_WRITE))
		return -EACCES;
	err = may_create(r, above, missing, deed->len, deed->owned ? &owner : NULL);
	if (err)
		return err;
	carry_out(r, deed);
	return 0;
}

/* WRITE and MKDIR. */
int model_op_write(struct request *r)
{
	struct deed deed = { .op = r->in->op };
	const struct model_node *node;
	char *missing;
	int err = model_take_path(r, false);

	if (err)
		return err;
	if (deed.op == XS_MKDIR && r->rest_len)
		return -EINVAL;
	deed.path = r->path;
	deed.value = (uint8_t *)r->rest;
	deed.len = r->rest_len;
	node = model_above(r->tree, r->path, &missing);
	if (missing) {
		err = create(r, node, missing, &deed);
		free(missing);
	} else if (model_get(r, r->path, WIRE_PERM_WRITE, &err)) {
		model_rest(r->tx, ON_PERMS, r->path);
		if (deed.op == XS_WRITE && too_large(r, deed.len, node->perm_count))
			err = -ENOSPC;
		else if (deed.op == XS_WRITE)
			carry_out(r, &deed);
	}
	if (!err)
		model_answer(r, "OK", 3);
	return err;
}

/* What is not there is removed, if what it would be in is there. */
static int remove_nothing(struct request *r, int err)
{
	char *slash, *parent = model_copy(r->path, strlen(r->path));

	slash = strrchr(parent, '/');
	slash[slash == parent] = '\0';
	if (err == -ENOENT && model_find(r->tree, parent))
		err = 0;
	free(parent);
	if (!err)
		model_answer(r, "OK", 3);
	return err;
}

int model_op_remove(struct request *r)
{
	struct deed deed = { .op = XS_RM };
	int err = model_take_path(r, false);

	if (err)
		return err;
	if (r->rest_len)
		return -EINVAL;
	if (!model_get(r, r->path, WIRE_PERM_WRITE, &err))
		return remove_nothing(r, err);
	model_rest(r->tx, ON_PERMS, r->path); /* that it is EINVAL for "/" tells who may write there */
	if (!strcmp(r->path, "/"))
		return -EINVAL;
	deed.path = r->path;
	carry_out(r, &deed);
	model_answer(r, "OK", 3);
	return 0;
}

/* The entries in @s; their number, or -errno. */
static int parse_perms(struct request *r, struct wire_strings s, struct model_perm *perms)
{
	const uint32_t limit = r->m->config.quota.perms;
	const char *text;
	size_t len;
	int count = 0;

	if (!s.left || s.at[s.left - 1])
		return -EINVAL;
	if (r->conn->instance && limit && wire_count_strings(s.at, s.left) > limit)
		return -ENOSPC;
	while ((text = wire_next_string(&s, &len)) != NULL) {
		const struct domain *d;
		struct wire_perm perm;

		if (wire_perm_parse(text, len, &perm))
			return -EINVAL;
		d = model_mention(r->m, perm.domid);
		if (!d && !count) /* an owner must be somebody */
			return -ENOENT;
		perms[count++] =
			(struct model_perm){ perm.domid, perm.access, d ? d->instance : MODEL_NOBODY };
	}
	return count;
}

/* May the caller put that list in the place of @node's? */
static int may_set(struct request *r, const struct model_node *node, const struct model_perm *perms,
		   size_t count)
{
	if (!model_owns(r->m, r->conn, node))
		return -EACCES;
	if (r->conn->instance && perms[0].domid != node->perms[0].domid)
		return -EPERM;
	return too_large(r, node->value_len, count) ? -ENOSPC : 0;
}

static int set_special(struct request *r, struct model_perm *perms, size_t count)
{
	struct model_node **special = model_special(r->m, r->path, strlen(r->path));
	struct model_tree tree = { .nodes = special, .count = 1, .clock = &r->m->clock };
	int err;

	if (!special)
		return -EINVAL;
	err = may_set(r, *special, perms, count);
	if (!err)
		model_set_perms(&tree, r->path, perms, count);
	return err;
}

int model_op_set_perms(struct request *r)
{
	struct model_perm perms[WIRE_PAYLOAD_MAX];
	struct deed deed = { .op = XS_SET_PERMS, .perms = perms };
	const struct model_node *node;
	struct wire_strings s = { r->in->payload, r->in->len };
	size_t len;
	int err, count;

	if (!wire_next_string(&s, &len))
		return -EINVAL;
	r->any_error = true;
	count = parse_perms(r, s, perms);
	if (count < 0)
		return count;
	err = model_take_path(r, true);
	if (err)
		return err;
	r->any_error = false;
	if (r->path[0] == '@') {
		err = set_special(r, perms, (size_t)count);
	} else {
		node = model_get(r, r->path, 0, &err);
		if (node) {
			model_rest(r->tx, ON_PERMS, r->path); /* a refusal tells of it, too */
			err = may_set(r, node, perms, (size_t)count);
		}
		if (!err) {
			deed.path = r->path;
			deed.perm_count = (size_t)count;
			carry_out(r, &deed);
		}
	}
	if (!err)
		model_answer(r, "OK", 3);
	return err;
}
