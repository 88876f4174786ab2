/* SPDX-License-Identifier: MIT */
#include <xenbus/wire.h>
#include <string.h>

static const char home_root[] = "/local/domain/";
#define HOME_ROOT_LEN (sizeof(home_root) - 1)

/* Which bytes a path may hold: a table, because every request checks every byte of one. */
static const bool path_byte[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true,
	['/'] = true,	      ['_'] = true,	    ['@'] = true,
};

static bool bytes_are_valid(const char *path, size_t len)
{
	bool slash = false;

	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)path[i];

		if (!path_byte[c] || (slash && c == '/'))
			return false;
		slash = c == '/';
	}
	return !slash || len == 1;
}

int wire_path_check(const char *path, size_t len)
{
	if (len == 0 || len > WIRE_ABS_PATH_MAX || !bytes_are_valid(path, len))
		return -EINVAL;
	if (path[0] == '/')
		return WIRE_PATH_ABSOLUTE;
	if (len > WIRE_REL_PATH_MAX)
		return -EINVAL;
	return path[0] == '@' ? WIRE_PATH_SPECIAL : WIRE_PATH_RELATIVE;
}

size_t wire_home(uint32_t domid, char buf[WIRE_HOME_MAX])
{
	memcpy(buf, home_root, HOME_ROOT_LEN);
	return HOME_ROOT_LEN + wire_put_number(buf + HOME_ROOT_LEN, domid);
}

int wire_path_canonical(const char *path, size_t len, uint32_t domid, char buf[WIRE_ABS_PATH_MAX],
			const char **out, size_t *out_len)
{
	const int kind = wire_path_check(path, len);
	size_t home;

	*out = path;
	*out_len = len;
	if (kind != WIRE_PATH_RELATIVE)
		return kind;
	home = wire_home(domid, buf);
	if (home + 1 + len > WIRE_ABS_PATH_MAX)
		return -EINVAL;
	buf[home] = '/';
	memcpy(buf + home + 1, path, len);
	*out = buf;
	*out_len = home + 1 + len;
	return kind;
}

size_t wire_home_prefix(const char *path, size_t len)
{
	size_t at = HOME_ROOT_LEN;

	if (len < HOME_ROOT_LEN || memcmp(path, home_root, HOME_ROOT_LEN))
		return 0;
	while (at < len && path[at] >= '0' && path[at] <= '9')
		at++;
	return at > HOME_ROOT_LEN && at < len && path[at] == '/' ? at + 1 : 0;
}

const char *wire_next_component(struct wire_strings *path, size_t *len)
{
	const char *start = path->at;
	const char *end;
	size_t left = path->left;

	if (left && *start == '/') {
		start++;
		left--;
	}
	if (!left)
		return NULL;
	end = memchr(start, '/', left);
	*len = end ? (size_t)(end - start) : left;
	path->at = start + *len;
	path->left = left - *len;
	return start;
}

bool wire_path_is_under(const char *child, size_t child_len, const char *path, size_t len)
{
	if (len == 1 && path[0] == '/')
		return child_len > 0 && child[0] == '/';
	if (child_len < len || memcmp(child, path, len))
		return false;
	return child_len == len || child[len] == '/';
}
