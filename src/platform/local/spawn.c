/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenbus/local.h>

#include "protocol.h"
#include "spawn.h"

/* Copies @strings, but for those that begin with @except ("": all), to @out (NULL: only counts them). */
static uint32_t put_strings(FILE *out, const char *const *strings, const char *except)
{
	size_t len = strlen(except);
	uint32_t n = 0;

	for (; *strings; strings++) {
		if (len && !strncmp(*strings, except, len))
			continue;
		if (out)
			fwrite(*strings, 1, strlen(*strings) + 1, out);
		n++;
	}
	return n;
}

/* Front to back: a memory stream that seeks forgets what lies behind. */
static void put_text(FILE *out, const struct xen_local_spawn *spawn, const char *cwd)
{
	const char *const *envp = spawn->envp ? spawn->envp : (const char *const *)environ;
	const struct local_spawn_text head = {
		.argc = put_strings(NULL, spawn->argv, ""),
		.envc = put_strings(NULL, envp, XEN_LOCAL_DOMAIN_FD_ENV "=") + 1,
	};

	fwrite(&head, sizeof(head), 1, out);
	fwrite(cwd, 1, strlen(cwd) + 1, out);
	put_strings(out, spawn->argv, "");
	put_strings(out, envp, XEN_LOCAL_DOMAIN_FD_ENV "=");
	fprintf(out, XEN_LOCAL_DOMAIN_FD_ENV "=%d%c", LOCAL_CHILD_FD, 0);
}

/* All of it in memory; the caller frees *@text. */
static int make_text(const struct xen_local_spawn *spawn, char **text, size_t *len)
{
	char *cwd = spawn->cwd ? strdup(spawn->cwd) : getcwd(NULL, 0);
	FILE *out = cwd ? open_memstream(text, len) : NULL;
	bool failed;

	if (!out) {
		int err = -errno;

		free(cwd);
		return err;
	}
	put_text(out, spawn, cwd);
	failed = ferror(out);
	failed |= fclose(out) != 0;
	free(cwd);
	if (!failed && *len <= LOCAL_MAX_SPAWN)
		return 0;
	free(*text);
	return failed ? -ENOMEM : -E2BIG;
}

static int seal(int fd, const char *text, size_t len)
{
	if (write(fd, text, len) != (ssize_t)len)
		return -ENOMEM;
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) ? -errno : 0;
}

int spawn_text(const struct xen_local_spawn *spawn)
{
	char *text = NULL;
	size_t len = 0;
	int fd, err = make_text(spawn, &text, &len);

	if (err)
		return err;
	fd = memfd_create("spawn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	err = fd < 0 ? -errno : seal(fd, text, len);
	free(text);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}
