/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../protocol.h"
#include "spawn_text.h"

/* Only a memfd has seals: a pipe or a file of a slow file system could hold the broker. */
static int check_file(int fd, size_t *len)
{
	const int want = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & want) != want || fstat(fd, &st))
		return -EPROTO;
	if (st.st_size < (off_t)sizeof(struct local_spawn_text) || st.st_size > LOCAL_MAX_SPAWN)
		return -EPROTO;
	*len = (size_t)st.st_size;
	return 0;
}

/* The next string, NULL past the end. */
static char *next_string(char **at, char *end)
{
	char *string = *at, *nul = memchr(string, 0, (size_t)(end - string));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return string;
}

static int cut(struct spawn_text *text, size_t len)
{
	struct local_spawn_text head;
	char *at = text->bytes + sizeof(head), *end = text->bytes + len;

	memcpy(&head, text->bytes, sizeof(head));
	if (!head.argc || head.argc > len || head.envc > len)
		return -EPROTO;
	text->strings = calloc((size_t)head.argc + head.envc + 2, sizeof(*text->strings));
	if (!text->strings)
		return -ENOMEM;
	text->argv = text->strings;
	text->envp = text->strings + head.argc + 1;
	text->cwd = next_string(&at, end);
	for (uint32_t i = 0; i < head.argc + head.envc; i++) {
		char **to = i < head.argc ? &text->argv[i] : &text->envp[i - head.argc];

		*to = next_string(&at, end);
		if (!*to)
			return -EPROTO;
	}
	return text->cwd && at == end ? 0 : -EPROTO;
}

int spawn_text_read(struct spawn_text *text, int fd)
{
	size_t len;
	int err = check_file(fd, &len);

	*text = (struct spawn_text){ 0 };
	if (err)
		return err;
	text->bytes = malloc(len);
	if (!text->bytes)
		return -ENOMEM;
	err = pread(fd, text->bytes, len, 0) == (ssize_t)len ? cut(text, len) : -EPROTO;
	if (err)
		spawn_text_free(text);
	return err;
}

void spawn_text_free(struct spawn_text *text)
{
	free(text->strings);
	free(text->bytes);
	*text = (struct spawn_text){ 0 };
}
