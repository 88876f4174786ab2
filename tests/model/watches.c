/* SPDX-License-Identifier: MIT */
/* Watches: all of them in order of registration, and each looked at for each change. */
#include "private.h"

static struct watch *find(struct model *m, uint32_t conn, const char *path, const char *token)
{
	for (size_t i = 0; i < m->watch_count; i++) {
		struct watch *w = &m->watches[i];

		if (w->conn == conn && !strcmp(w->path, path) && !strcmp(w->token, token))
			return w;
	}
	return NULL;
}

/* Counts @path and what it is beneath as begun with once more (or less). */
static void count_prefixes(struct model *m, const char *path, int by)
{
	for (size_t len = 1; len <= strlen(path); len++) {
		size_t i = 0;

		if (len > 1 && path[len] && path[len] != '/')
			continue;
		while (i < m->prefix_count &&
		       (strncmp(m->prefixes[i].path, path, len) || m->prefixes[i].path[len]))
			i++;
		if (i == m->prefix_count) {
			m->prefixes = model_grow(m->prefixes, i, sizeof(*m->prefixes));
			m->prefixes[m->prefix_count++] =
				(struct prefix){ model_copy(path, len), 0, ++m->clock };
		}
		m->prefixes[i].refs += (size_t)by;
		if (!m->prefixes[i].refs) {
			free(m->prefixes[i].path);
			m->prefix_count--;
			memmove(&m->prefixes[i], &m->prefixes[i + 1],
				(m->prefix_count - i) * sizeof(m->prefixes[0]));
		}
	}
}

static void drop(struct model *m, struct watch *w)
{
	count_prefixes(m, w->path, -1);
	free(w->path);
	free(w->token);
	m->watch_count--;
	memmove(w, w + 1, (size_t)(m->watches + m->watch_count - w) * sizeof(*w));
}

void model_drop_watches(struct model *m, uint32_t conn)
{
	for (size_t i = 0; i < m->watch_count;) {
		if (m->watches[i].conn == conn)
			drop(m, &m->watches[i]);
		else
			i++;
	}
}

static void tell(struct model *m, const struct watch *w, const char *path)
{
	model_event(m, w->conn, path + w->home, w);
}

/* The special path, or the canonical one; what @w->home is. */
static int take_watch_path(struct request *r, struct watch *w)
{
	struct wire_strings s = { r->in->payload, r->in->len };
	size_t len;
	const char *text = wire_next_string(&s, &len);

	if (text && text[0] == '@' && len <= WIRE_REL_PATH_MAX) {
		const uint32_t limit = r->m->config.quota.path_max;

		if (r->conn->instance && limit && len > limit)
			return -EINVAL;
		r->path = model_copy(text, len);
		r->rest = s.at;
		r->rest_len = s.left;
		return 0;
	}
	if (text && len && text[0] != '/') {
		char home[WIRE_HOME_MAX];

		w->home = wire_home(r->conn->domid, home) + 1;
	}
	return model_take_path(r, false);
}

int model_op_watch(struct request *r)
{
	struct watch w = { .conn = r->conn->id, .depth = WIRE_DEPTH_ALL };
	const uint32_t limit = r->m->config.quota.watches;
	struct wire_strings s;
	const char *depth;
	uint64_t number;
	size_t len, mine = 0;
	int err = take_watch_path(r, &w);

	if (err)
		return err;
	s = (struct wire_strings){ r->rest, r->rest_len };
	w.token = (char *)wire_next_string(&s, &w.token_len);
	depth = wire_next_string(&s, &len);
	if (!w.token || s.left)
		return -EINVAL;
	if (depth && wire_number(depth, len, r->path[0] == '@' ? 1 : WIRE_DEPTH_ALL - 1, &number))
		return -EINVAL;
	w.depth = depth ? (uint32_t)number : w.depth;
	if (find(r->m, w.conn, r->path, w.token))
		return -EEXIST;
	for (size_t i = 0; i < r->m->watch_count; i++)
		mine += r->m->watches[i].conn == w.conn;
	if (r->conn->instance && limit && mine >= limit)
		return -E2BIG;
	w.path = model_copy(r->path, strlen(r->path));
	w.token = model_copy(w.token, w.token_len);
	r->m->watches = model_grow(r->m->watches, r->m->watch_count, sizeof(w));
	r->m->watches[r->m->watch_count++] = w;
	count_prefixes(r->m, w.path, 1);
	model_answer(r, "OK", 3);
	tell(r->m, &w, w.path);
	return 0;
}

int model_op_unwatch(struct request *r)
{
	struct watch w = { 0 };
	int err = take_watch_path(r, &w);
	struct watch *found;

	if (err)
		return err;
	if (!r->rest_len || memchr(r->rest, '\0', r->rest_len) != r->rest + r->rest_len - 1)
		return -EINVAL;
	found = find(r->m, r->conn->id, r->path, r->rest);
	if (!found)
		return -ENOENT;
	drop(r->m, found);
	model_answer(r, "OK", 3);
	return 0;
}

static bool reads(struct model *m, const struct conn *c, const struct model_tree *tree, const char *path)
{
	const struct model_node *node = model_find(tree, path);
	char *slash, *parent;
	bool yes;

	if (!node)
		return false;
	if (model_access(m, c, node) & WIRE_PERM_READ)
		return true;
	parent = model_copy(path, strlen(path));
	slash = strrchr(parent, '/');
	slash[slash == parent] = '\0';
	yes = model_access(m, c, model_find(tree, parent)) & WIRE_PERM_READ;
	free(parent);
	return yes;
}

static void tell_who_reads(struct model *m, const struct model_tree *before, const struct model_tree *after,
			   const struct watch *w, const char *path)
{
	const struct conn *c = model_conn(m, w->conn);

	if (reads(m, c, before, path) || reads(m, c, after, path))
		tell(m, w, path);
}

/* Who watches what went with the removed @top, deepest first, in order of the watched paths' first watch. */
static void fire_beneath(struct model *m, const struct model_tree *before, const struct model_tree *after,
			 const char *top)
{
	const size_t top_len = strcmp(top, "/") ? strlen(top) : 0;
	uint64_t done = 0;

	for (;;) {
		const struct prefix *next = NULL;

		for (size_t i = 0; i < m->prefix_count; i++) {
			const struct prefix *p = &m->prefixes[i];

			if (!strncmp(p->path, top, top_len) && p->path[top_len] == '/' &&
			    !strchr(p->path + top_len + 1, '/') && p->path[top_len + 1] && p->since > done &&
			    (!next || p->since < next->since))
				next = p;
		}
		if (!next)
			return;
		done = next->since;
		fire_beneath(m, before, after, next->path);
		for (size_t i = 0; i < m->watch_count; i++)
			if (!strcmp(m->watches[i].path, next->path) && model_find(before, next->path))
				tell_who_reads(m, before, after, &m->watches[i], next->path);
	}
}

void model_fire(struct model *m, const struct model_tree *before, const struct model_tree *after,
		const char *path, bool removed)
{
	if (removed)
		fire_beneath(m, before, after, path);
	for (size_t i = 0; i < m->watch_count; i++) {
		const struct watch *w = &m->watches[i];
		uint32_t depth = 0;

		if (!wire_path_is_under(path, strlen(path), w->path, strlen(w->path)))
			continue;
		for (const char *c = path + (strcmp(w->path, "/") ? strlen(w->path) : 0); *c; c++)
			depth += *c == '/' && c[1];
		if (w->depth == WIRE_DEPTH_ALL || depth <= w->depth)
			tell_who_reads(m, before, after, w, path);
	}
}

void model_fire_special(struct model *m, const char *name, uint32_t domid)
{
	const struct model_node *special = *model_special(m, name, strlen(name));
	char of_domain[64];

	snprintf(of_domain, sizeof(of_domain), "%s/%u", name, domid);
	for (size_t i = 0; i < m->watch_count; i++) {
		const struct watch *w = &m->watches[i];

		if (!(model_access(m, model_conn(m, w->conn), special) & WIRE_PERM_READ))
			continue;
		if (!strcmp(w->path, of_domain))
			tell(m, w, of_domain);
		else if (!strcmp(w->path, name))
			tell(m, w, w->depth == 1 ? of_domain : name);
	}
}
