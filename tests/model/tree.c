/* SPDX-License-Identifier: MIT */
/* The model's nodes: a sorted array of paths. */
#include "model.h"
#include <stdlib.h>
#include <string.h>

static void *sure(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void *copy_of(const void *bytes, size_t len)
{
	void *copy = sure(malloc(len + 1));

	memcpy(copy, len ? bytes : "", len);
	return copy;
}

/* '/' before everything else: what is beneath a node follows it at once. */
static int compare(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] && a[i] == b[i])
		i++;
	if (a[i] == b[i])
		return 0;
	if (!a[i] || !b[i])
		return a[i] ? 1 : -1;
	if (a[i] == '/' || b[i] == '/')
		return a[i] == '/' ? -1 : 1;
	return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
}

/* Where @path is, or would be. */
static size_t place(const struct model_tree *tree, const char *path)
{
	size_t low = 0, high = tree->count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (compare(tree->nodes[middle]->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct model_node *model_find(const struct model_tree *tree, const char *path)
{
	const size_t i = place(tree, path);

	return i < tree->count && !strcmp(tree->nodes[i]->path, path) ? tree->nodes[i] : NULL;
}

static void let_go(struct model_node *node)
{
	if (--node->refs)
		return;
	free(node->path);
	free(node->value);
	free(node->perms);
	free(node);
}

/* The node, to be changed: alone this tree's. */
static struct model_node *own(struct model_tree *tree, const char *path)
{
	struct model_node **slot = &tree->nodes[place(tree, path)], *node = *slot;

	if (node->refs == 1)
		return node;
	*slot = copy_of(node, sizeof(*node));
	(*slot)->refs = 1;
	(*slot)->path = copy_of(node->path, strlen(node->path) + 1);
	(*slot)->value = copy_of(node->value, node->value_len);
	(*slot)->perms = copy_of(node->perms, node->perm_count * sizeof(node->perms[0]));
	node->refs--;
	return *slot;
}

static struct model_node *insert(struct model_tree *tree, const char *path)
{
	const size_t i = place(tree, path);
	struct model_node *node = sure(calloc(1, sizeof(*node)));

	if (tree->count == tree->capacity) {
		tree->capacity = tree->capacity ? 2 * tree->capacity : 64;
		tree->nodes = sure(realloc(tree->nodes, tree->capacity * sizeof(tree->nodes[0])));
	}
	memmove(&tree->nodes[i + 1], &tree->nodes[i], (tree->count - i) * sizeof(tree->nodes[0]));
	tree->nodes[i] = node;
	tree->count++;
	node->refs = 1;
	node->path = copy_of(path, strlen(path) + 1);
	node->value = copy_of("", 0);
	node->alive = ++*tree->clock;
	for (int s = 0; s < 3; s++)
		node->stamps[s] = ++*tree->clock;
	return node;
}

void model_tree_init(struct model_tree *tree, uint64_t *clock)
{
	const struct model_perm dom0 = { 0 };
	struct model_node *root;

	*tree = (struct model_tree){ .clock = clock };
	root = insert(tree, "/");
	root->perms = copy_of(&dom0, sizeof(dom0));
	root->perm_count = 1;
}

void model_tree_copy(struct model_tree *copy, const struct model_tree *tree)
{
	*copy = *tree;
	copy->capacity = tree->count;
	copy->nodes = copy_of(tree->nodes, tree->count * sizeof(tree->nodes[0]));
	for (size_t i = 0; i < tree->count; i++)
		tree->nodes[i]->refs++;
}

void model_tree_free(struct model_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		let_go(tree->nodes[i]);
	free(tree->nodes);
	*tree = (struct model_tree){ 0 };
}

/* Its parent's path, malloc'ed. */
static char *parent_of(const char *path)
{
	const size_t len = (size_t)(strrchr(path, '/') - path);
	char *parent = copy_of(path, len ? len : 1);

	parent[len ? len : 1] = '\0';
	return parent;
}

static void touch_parent(struct model_tree *tree, const char *path)
{
	char *parent = parent_of(path);

	own(tree, parent)->stamps[2] = ++*tree->clock;
	free(parent);
}

static void create(struct model_tree *tree, const char *path, const struct model_perm *owner)
{
	char *parent = parent_of(path);
	const struct model_node *above;
	struct model_node *node;

	if (!model_find(tree, parent))
		create(tree, parent, owner);
	touch_parent(tree, path);
	above = model_find(tree, parent);
	node = insert(tree, path);
	node->perms = copy_of(above->perms, above->perm_count * sizeof(above->perms[0]));
	node->perm_count = above->perm_count;
	if (owner) {
		node->perms[0].domid = owner->domid;
		node->perms[0].instance = owner->instance;
	}
	free(parent);
}

void model_mkdir(struct model_tree *tree, const char *path, const struct model_perm *owner)
{
	if (!model_find(tree, path))
		create(tree, path, owner);
}

void model_write(struct model_tree *tree, const char *path, const void *value, size_t len,
		 const struct model_perm *owner)
{
	struct model_node *node;

	model_mkdir(tree, path, owner);
	node = own(tree, path);
	free(node->value);
	node->value = copy_of(value, len);
	node->value_len = len;
	node->stamps[0] = ++*tree->clock;
}

void model_remove(struct model_tree *tree, const char *path)
{
	size_t first = place(tree, path), last = first;

	if (!model_find(tree, path) || !strcmp(path, "/"))
		return;
	touch_parent(tree, path);
	for (; last < tree->count; last++) {
		const char *other = tree->nodes[last]->path;

		if (!wire_path_is_under(other, strlen(other), path, strlen(path)))
			break;
		let_go(tree->nodes[last]);
	}
	memmove(&tree->nodes[first], &tree->nodes[last], (tree->count - last) * sizeof(tree->nodes[0]));
	tree->count -= last - first;
}

void model_set_perms(struct model_tree *tree, const char *path, const struct model_perm *perms, size_t count)
{
	struct model_node *node;

	if (!model_find(tree, path))
		return;
	node = own(tree, path);
	free(node->perms);
	node->perms = copy_of(perms, count * sizeof(perms[0]));
	node->perm_count = count;
	node->stamps[1] = ++*tree->clock;
}

static int by_age(const void *a, const void *b)
{
	const struct model_node *const *one = a, *const *two = b;

	return (*one)->alive < (*two)->alive ? -1 : 1;
}

size_t model_children(const struct model_tree *tree, const char *path, char **out)
{
	const size_t top = strcmp(path, "/") ? strlen(path) : 0;
	const struct model_node **found = sure(malloc((tree->count + 1) * sizeof(*found)));
	size_t count = 0, len = 0;

	for (size_t i = place(tree, path) + 1; i < tree->count; i++) {
		const char *other = tree->nodes[i]->path;

		if (!wire_path_is_under(other, strlen(other), path, strlen(path)))
			break;
		if (strchr(other + top + 1, '/'))
			continue;
		found[count++] = tree->nodes[i];
		len += strlen(other + top + 1) + 1;
	}
	qsort(found, count, sizeof(found[0]), by_age);
	*out = sure(malloc(len + 1));
	len = 0;
	for (size_t i = 0; i < count; i++) {
		strcpy(*out + len, found[i]->path + top + 1);
		len += strlen(*out + len) + 1;
	}
	free(found);
	return len;
}

size_t model_perms_text(const struct model_node *node, char **out)
{
	size_t len = 0;

	*out = sure(malloc(node->perm_count * WIRE_PERM_MAX + 1));
	for (size_t i = 0; i < node->perm_count; i++) {
		const struct wire_perm perm = { .domid = node->perms[i].domid,
						.access = node->perms[i].access };
		char text[WIRE_PERM_MAX];
		const size_t more = wire_perm_format(&perm, text);

		memcpy(*out + len, text, more);
		len += more;
	}
	return len;
}

static void acknowledged_perms(struct model_tree *tree, const char *path, struct wire_strings rest)
{
	struct model_perm *perms = sure(calloc(rest.left + 1, sizeof(*perms)));
	const char *text;
	size_t len, count = 0;

	while ((text = wire_next_string(&rest, &len)) != NULL) {
		struct wire_perm perm;

		if (wire_perm_parse(text, len, &perm))
			abort();
		perms[count++] = (struct model_perm){ perm.domid, perm.access, perm.domid };
	}
	model_set_perms(tree, path, perms, count);
	free(perms);
}

void model_acknowledged(struct model_tree *tree, uint32_t domid, uint32_t op, const void *payload, size_t len)
{
	struct wire_strings rest = { payload, len };
	const struct model_perm owner = { .domid = (uint16_t)domid, .instance = domid };
	char buf[WIRE_ABS_PATH_MAX], *path;
	const char *text = wire_next_string(&rest, &len), *canonical;

	if (!text || wire_path_canonical(text, len, domid, buf, &canonical, &len) < 0)
		abort(); /* no store acknowledges that */
	path = copy_of(canonical, len);
	path[len] = '\0';
	if (op == XS_WRITE)
		model_write(tree, path, rest.at, rest.left, domid ? &owner : NULL);
	else if (op == XS_MKDIR)
		model_mkdir(tree, path, domid ? &owner : NULL);
	else if (op == XS_RM)
		model_remove(tree, path);
	else if (op == XS_SET_PERMS)
		acknowledged_perms(tree, path, rest);
	free(path);
}
