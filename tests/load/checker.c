/* SPDX-License-Identifier: MIT */
/* Reads all that the store holds, and compares. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

/* The names beneath @path, one after the other, NUL-terminated each. NULL: there is no such node. */
static char *children_of(struct load *load, const char *path, size_t *len)
{
	struct peer_message reply;
	char *names = NULL;

	*len = 0;
	for (;;) {
		char payload[512];
		int n = snprintf(payload, sizeof(payload), "%s%c%zu", path, 0, *len);
		size_t skip, part;

		if (peer_ask(load->dom0, XS_DIRECTORY_PART, 0, payload, (size_t)n + 1, &reply) ||
		    reply.header.type == XS_ERROR) {
			free(names);
			return NULL;
		}
		skip = strlen(reply.payload) + 1; /* the generation: nobody writes while we read */
		part = reply.header.len - skip;
		names = realloc(names, *len + part + 1);
		if (!names)
			abort();
		memcpy(names + *len, reply.payload + skip, part);
		*len += part;
		if (part == 0 || names[*len - 1] || (*len >= 2 && !names[*len - 2]) || *len == 1)
			break; /* the last part ends with an empty name */
	}
	*len -= *len > 0;
	return names;
}

static void read_node(struct load *load, struct model_tree *tree, const char *path)
{
	char payload[PEER_PAYLOAD_MAX + 1];
	struct peer_message reply;
	size_t at = strlen(path) + 1;

	memcpy(payload, path, at);
	if (peer_ask(load->dom0, XS_READ, 0, path, at, &reply) || reply.header.type == XS_ERROR ||
	    at + reply.header.len > sizeof(payload)) {
		load_wrong(load, "%s is listed and cannot be read: %s", path, reply.payload);
		return;
	}
	memcpy(payload + at, reply.payload, reply.header.len);
	model_acknowledged(tree, 0, XS_WRITE, payload, at + reply.header.len);
	if (peer_ask(load->dom0, XS_GET_PERMS, 0, path, at, &reply) || reply.header.type == XS_ERROR)
		return;
	memcpy(payload + at, reply.payload, reply.header.len);
	model_acknowledged(tree, 0, XS_SET_PERMS, payload, at + reply.header.len);
}

static void read_beneath(struct load *load, struct model_tree *tree, const char *path)
{
	size_t len;
	char *names = children_of(load, path, &len);

	for (size_t at = 0; at < len; at += strlen(names + at) + 1) {
		char child[512];

		snprintf(child, sizeof(child), "%s/%s", path[1] ? path : "", names + at);
		read_node(load, tree, child);
		read_beneath(load, tree, child);
	}
	free(names);
}

void checker_read(struct load *load, struct model_tree *tree)
{
	model_tree_init(tree, &load->clock);
	read_node(load, tree, "/");
	read_beneath(load, tree, "/");
}

static bool same_perms(const struct model_node *a, const struct model_node *b)
{
	if (a->perm_count != b->perm_count)
		return false;
	for (size_t i = 0; i < a->perm_count; i++)
		if (a->perms[i].domid != b->perms[i].domid || a->perms[i].access != b->perms[i].access)
			return false;
	return true;
}

static void compare_node(struct load *load, const struct model_node *has, const struct model_node *should)
{
	if (has->value_len != should->value_len || memcmp(has->value, should->value, has->value_len))
		load_wrong(load, "%s holds %zu bytes \"%.20s\", acknowledged were %zu \"%.20s\"", has->path,
			   has->value_len, (const char *)has->value, should->value_len,
			   (const char *)should->value);
	if (!same_perms(has, should))
		load_wrong(load, "%s has other permissions than were acknowledged", has->path);
}

void checker_compare(struct load *load)
{
	const struct model_tree *model = &load->model;
	struct model_tree store;
	size_t i = 0, j = 0;

	checker_read(load, &store);
	while (i < store.count || j < model->count) {
		const struct model_node *has = i < store.count ? store.nodes[i] : NULL;
		const struct model_node *should = j < model->count ? model->nodes[j] : NULL;

		if (has && should && !strcmp(has->path, should->path)) {
			compare_node(load, has, should);
			i++, j++;
		} else if (!should || (has && !model_find(model, has->path))) {
			load_wrong(load, "%s is there, though nobody was told so", has->path);
			i++;
		} else {
			load_wrong(load, "%s was acknowledged and is not there", should->path);
			j++;
		}
	}
	model_tree_free(&store);
}
