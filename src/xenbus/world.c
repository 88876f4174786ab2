/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenbus/client.h>
#include <xenbus/host.h>
#include <xenbus/local.h>
#include <xenbus/xenbus.h>

#include "cli.h"
#include "world.h"

#define XEN_DEVICE "/dev/xen/evtchn" /* as programs tell it: xen_platform_open() */
#define STORE_SOCKET "xenstored.sock"

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* @path behind the working directory unless it is absolute. */
static int make_absolute(const char *path, char *out, size_t size)
{
	char cwd[PATH_MAX] = "";
	int len;

	if (*path != '/' && !getcwd(cwd, sizeof(cwd)))
		return cli_fail("the working directory: %s", strerror(errno));
	len = snprintf(out, size, "%s%s%s", cwd, *cwd ? "/" : "", path);
	if ((size_t)len >= size)
		return cli_fail("%s: the path is longer than %zu bytes, a socket in it would have no name",
				path, size - 1);
	while (len > 1 && out[len - 1] == '/')
		out[--len] = '\0';
	return 0;
}

int world_dir(const char *given, struct world_dir *out)
{
	const char *runtime = env("XDG_RUNTIME_DIR");
	char fallback[PATH_MAX];

	if (!given)
		given = env(WORLD_DIR_ENV);
	if (!given && geteuid() == 0)
		given = "/run/xenbus";
	if (!given && runtime) {
		snprintf(fallback, sizeof(fallback), "%s/xenbus", runtime);
		given = fallback;
	}
	if (!given)
		return cli_fail("which directory? Give --run-dir, or set XENBUS_RUN_DIR or XDG_RUNTIME_DIR");
	return make_absolute(given, out->path, sizeof(out->path));
}

bool world_is_machine(const char *given)
{
	struct world_dir dir;
	char path[WORLD_PATH_MAX];

	if (given || env(WORLD_DIR_ENV) || access(XEN_DEVICE, F_OK))
		return false;
	if (geteuid() != 0 && !env("XDG_RUNTIME_DIR"))
		return true;
	if (world_dir(NULL, &dir))
		return false;
	world_path(&dir, "broker.sock", path);
	return access(path, F_OK) != 0;
}

void world_path(const struct world_dir *dir, const char *name, char path[WORLD_PATH_MAX])
{
	snprintf(path, WORLD_PATH_MAX, "%s/%s", dir->path, name);
}

void world_setenv(const struct world_dir *dir)
{
	char path[WORLD_PATH_MAX];

	world_path(dir, STORE_SOCKET, path);
	setenv("XENSTORED_PATH", path, 1);
	setenv(WORLD_DIR_ENV, dir->path, 1);
}

static void make_dirs(const struct world_dir *dir)
{
	char path[WORLD_DIR_MAX];

	strcpy(path, dir->path);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	mkdir(path, 0700);
}

/* Locked, and still the directory at its path: `down` removes it. */
static bool lock_held(int fd, const char *path, enum world_lock how)
{
	struct stat held, there;

	return !flock(fd, how == WORLD_USE ? LOCK_SH : LOCK_EX) && !fstat(fd, &held) && !stat(path, &there) &&
	       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

int world_lock(const struct world_dir *dir, enum world_lock how)
{
	struct stat st;
	int fd;

	for (;;) {
		if (how == WORLD_MAKE)
			make_dirs(dir);
		fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			break;
		if (lock_held(fd, dir->path, how))
			break;
		close(fd);
	}
	if (fd < 0 && errno == ENOENT && how != WORLD_MAKE)
		return -ENOENT;
	if (fd < 0) {
		cli_fail("%s: %s", dir->path, strerror(errno));
		return -1;
	}
	if (!fstat(fd, &st) && st.st_uid == geteuid())
		return fd;
	cli_fail("%s: the directory is another user's", dir->path);
	close(fd);
	return -1;
}

int world_connect(const struct world_dir *dir, struct xen_local **out)
{
	int err = xen_local_connect(dir->path, out);

	if (err == -ENOENT || err == -ECONNREFUSED)
		return cli_fail("no world lives in %s; `xenbus up --run-dir %s` starts one", dir->path,
				dir->path);
	return err ? cli_fail("%s: %s", dir->path, strerror(-err)) : 0;
}

/* Makes XENSTORED_PATH say which store is meant, or leaves it to the client. */
static int choose_store(const char *run_dir)
{
	char path[WORLD_PATH_MAX];
	struct world_dir dir;

	if (!run_dir && env("XENSTORED_PATH"))
		return 0;
	if (!run_dir && !env(WORLD_DIR_ENV) && geteuid() != 0 && !env("XDG_RUNTIME_DIR"))
		return 0;
	if (world_dir(run_dir, &dir))
		return CLI_FAILURE;
	world_path(&dir, STORE_SOCKET, path);
	if (run_dir || env(WORLD_DIR_ENV) || !access(path, F_OK))
		setenv("XENSTORED_PATH", path, 1);
	return 0;
}

int world_no_store(int err, const char *why)
{
	char path[PATH_MAX];

	if (xenstore_socket_path(path, sizeof(path)))
		*path = '\0';
	return cli_fail("no store at %s (%s): %s; `xenbus up` starts one", path, why ? why : "the socket",
			strerror(-err));
}

int world_store_open(const char *run_dir, struct world_store *out)
{
	const char *why = NULL;
	int err;

	if (choose_store(run_dir))
		return CLI_FAILURE;
	err = xenbus_host_new(&out->host);
	if (err)
		return cli_fail("%s", strerror(-err));
	err = xenstore_open(out->host, NULL, NULL, &out->xs, &why);
	if (err) {
		xenbus_host_free(out->host);
		return world_no_store(err, why);
	}
	return 0;
}

void world_store_close(struct world_store *store)
{
	xenstore_close(store->xs);
	xenbus_host_free(store->host);
}

int world_store_path(const char *run_dir, char *path, size_t size)
{
	if (choose_store(run_dir))
		return CLI_FAILURE;
	if (xenstore_socket_path(path, size))
		return cli_fail("the path of the store's socket is longer than %zu bytes", size - 1);
	return 0;
}

int world_bus_run(const char *run_dir, int (*fn)(struct xenbus *bus, void *arg), void *arg)
{
	struct xenbus_config config = { 0 };
	struct xenbus *bus;
	const char *why = NULL;
	int err;

	if (choose_store(run_dir))
		return CLI_FAILURE;
	err = xenbus_host_new(&config.host);
	if (err)
		return cli_fail("%s", strerror(-err));
	err = xenbus_open(&config, &bus, &why);
	if (err) {
		xenbus_host_free(config.host);
		return world_no_store(err, why);
	}
	err = xenbus_task_run(bus, fn, arg);
	if (err == -ENOTCONN)
		err = cli_fail("the store was lost; `xenbus up` starts one");
	xenbus_close(bus);
	xenbus_host_free(config.host);
	return err;
}
