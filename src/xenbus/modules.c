/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenbus/local.h>
#include <xenbus/platform.h>

#include "cli.h"
#include "modules.h"
#include "world.h"

#define XEN_RUN_DIR "/run/xenbus"

int modules_open(const char *run_dir)
{
	struct world_dir dir = { XEN_RUN_DIR };
	char path[PATH_MAX];
	int fd;

	if (!world_is_machine(run_dir) && world_dir(run_dir, &dir))
		return -1;
	snprintf(path, sizeof(path), "%s/" MODULES_FOLDER, dir.path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return -ENOENT;
	cli_fail("%s: %s", path, strerror(errno));
	return -1;
}

FILE *module_ask(int folder, uint32_t domid, const char *name, const char *request)
{
	const struct timeval connecting = { .tv_sec = 1 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char file[MODULE_NAME_MAX + 16];
	FILE *answer = NULL;
	int err = 0;

	snprintf(file, sizeof(file), "%u.%s", domid, name);
	/* The folder's descriptor stands for its path, which may be longer than an address has room for. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", folder, file);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &connecting, sizeof(connecting));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		err = errno;
	if (err == ECONNREFUSED)
		unlinkat(folder, file, 0);
	if (!err && dprintf(fd, "%s\n", request) > 0)
		answer = fdopen(fd, "r");
	if (!answer && fd >= 0)
		close(fd);
	if (!answer)
		errno = err ? err : EPIPE;
	return answer;
}

void module_patience(FILE *answer, unsigned int ms)
{
	const struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	setsockopt(fileno(answer), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

int module_pid(FILE *answer)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fileno(answer), SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : (int)peer.pid;
}

int modules_remove_all(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int removed = 0;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			removed += !unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
	return removed;
}

bool module_name(const char *text, char name[MODULE_NAME_MAX])
{
	const char *slash = strrchr(text, '/');
	char *end;

	if (snprintf(name, MODULE_NAME_MAX, "%s", slash ? slash + 1 : text) >= MODULE_NAME_MAX)
		return false;
	end = strrchr(name, '.');
	if (end && (!strcmp(end, ".so") || !strcmp(end, ".ko")))
		*end = '\0';
	for (end = name; *end; end++)
		if (*end == '-')
			*end = '_';
	return *name && !strchr(name, '.');
}

/* DOMID.@name */
static uint32_t find_domid(int folder, const char *name)
{
	int fd = dup(folder);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint32_t domid = 0;

	while (dir && (entry = readdir(dir))) {
		const char *dot = strchr(entry->d_name, '.');

		if (dot && dot > entry->d_name && !strcmp(dot + 1, name))
			domid = (uint32_t)strtoul(entry->d_name, NULL, 10);
	}
	if (dir)
		closedir(dir);
	return domid;
}

uint32_t module_own_domid(int folder, const char *run_dir, const char *name)
{
	const char *fd = getenv(XEN_LOCAL_DOMAIN_FD_ENV), *why;
	struct xen_platform *platform;
	int domid = 0;

	if (fd && !xen_local_open_fd(atoi(fd), &platform, &why)) {
		domid = xen_platform_domid(platform);
		xen_platform_close(platform);
	} else if (world_is_machine(run_dir)) {
		return find_domid(folder, name);
	}
	return domid > 0 ? (uint32_t)domid : 0;
}
