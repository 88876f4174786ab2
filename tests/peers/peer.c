/* SPDX-License-Identifier: MIT */
/* A server's life: its folder and machine, its program and how that is started, its end. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "peer_impl.h"

#define DEBIANS "/usr/lib/xen-4.17/bin/"
#define ARGUMENTS 40
#define PATH_SIZE 512

static const struct {
	const char *name;
	const char *program; /* NULL: ours */
	const char *first[4];
} kinds[PEER_KINDS] = {
	[PEER_OURS] = { "xenstored", NULL, { "-N", "--platform=required" } },
	[PEER_C] = { "C xenstored 4.17", DEBIANS "xenstored", { "-N" } },
	[PEER_OX] = { "oxenstored 4.17",
		      DEBIANS "oxenstored",
		      { "--no-fork", "--no-access-log", "--config-file", "ox.conf" } },
};

/* As Debian installs it, but for logging: its log would be in /var/log. */
static const char ox_conf[] = "pid-file = /var/run/xen/xenstored.pid\n"
			      "test-eagain = false\n"
			      "merge-activate = true\n"
			      "conflict-burst-limit = 5.0\n"
			      "conflict-max-history-seconds = 0.05\n"
			      "conflict-rate-limit-is-aggregate = true\n"
			      "perms-activate = true\n"
			      "perms-watch-activate = true\n"
			      "quota-activate = true\n"
			      "quota-maxentity = 1000\n"
			      "quota-maxsize = 2048\n"
			      "quota-maxwatch = 100\n"
			      "quota-transaction = 10\n"
			      "quota-maxrequests = 1024\n"
			      "quota-path-max = 1024\n"
			      "quota-maxoutstanding = 1024\n"
			      "quota-maxwatchevents = 1024\n"
			      "persistent = false\n"
			      "xenstored-log-file = log\n"
			      "xenstored-kva = /proc/xen/xsd_kva\n"
			      "xenstored-port = /proc/xen/xsd_port\n";

const char *peer_name(enum peer_kind kind)
{
	return kinds[kind].name;
}

enum peer_kind peer_kind(const struct peer *peer)
{
	return peer->kind;
}

pid_t peer_pid(const struct peer *peer)
{
	return peer->pid;
}

#define STUB "tests/peers/xenstub.so"

/* @name's path in the build folder: the test program's nearest ancestor with the stub in its place. */
static int find_built(const char *name, char path[static PATH_SIZE])
{
	char at[PATH_SIZE];
	ssize_t len = readlink("/proc/self/exe", at, sizeof(at) - 1);
	char *slash;

	at[len < 0 ? 0 : len] = '\0';
	while ((slash = strrchr(at, '/'))) {
		*slash = '\0';
		if (snprintf(path, PATH_SIZE, "%s/" STUB, at) >= PATH_SIZE || access(path, R_OK))
			continue;
		return snprintf(path, PATH_SIZE, "%s/%s", at, name) < PATH_SIZE && !access(path, R_OK)
			       ? 0
			       : -ENOENT;
	}
	return -ENOENT;
}

static int find_program(enum peer_kind kind, char path[static PATH_SIZE])
{
	const char *given = kinds[kind].program ? kinds[kind].program : getenv("XENSTORED");

	if (!given)
		return find_built("xenstored", path);
	if (snprintf(path, PATH_SIZE, "%s", given) >= PATH_SIZE)
		return -ENAMETOOLONG;
	return access(path, X_OK) ? -errno : 0;
}

const char *peer_missing(enum peer_kind kind)
{
	char path[PATH_SIZE];

#ifdef PEER_WITHOUT_XEN
	return "this build is without Xen's libraries, which xenstub.so stands in for";
#endif
	if (find_built(STUB, path))
		return STUB " is not built";
	if (find_program(kind, path))
		return kinds[kind].program ? "Debian's xen-utils-4.17 is not installed"
					   : "xenstored is not built";
	return NULL;
}

/* -- the folder */

static int make_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t len = strlen(text);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		err = -EIO;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int make_machine(struct peer *peer, int dir)
{
	int err;

	peer->file = make_file(dir, "machine", "");
	if (peer->file < 0)
		return peer->file;
	err = machine_format(peer->file);
	if (err)
		return err;
	peer->machine = machine_map(peer->file);
	if (!peer->machine || mkfifoat(dir, "events", 0600))
		return -errno;
	peer->fifo = openat(dir, "events", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return peer->fifo < 0 ? -errno : 0;
}

static int make_files(struct peer *peer, int dir)
{
	int fd;

	if (mkdirat(dir, "run", 0700) || mkdirat(dir, "run/xenstored", 0700) || mkdirat(dir, "run/xen", 0700))
		return -errno;
	fd = make_file(dir, "ox.conf", ox_conf);
	if (fd < 0)
		return fd;
	close(fd);
	return make_machine(peer, dir);
}

static int make_dir(struct peer *peer)
{
	int dir, err;

	strcpy(peer->dir, "/tmp/xenpeer-XXXXXX");
	if (!mkdtemp(peer->dir)) {
		peer->dir[0] = '\0';
		return -errno;
	}
	snprintf(peer->socket, sizeof(peer->socket), "%s/run/xenstored/socket", peer->dir);
	dir = open(peer->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	err = make_files(peer, dir);
	close(dir);
	return err;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
	remove(path);
	return 0;
}

/* -- the process */

/* A preloaded library comes before the sanitizers' own, which is harmless: it replaces nothing of theirs. */
static void set_environment(const struct peer *peer, const char *stub)
{
	const char *given = getenv("ASAN_OPTIONS");
	char text[PATH_SIZE];

	snprintf(text, sizeof(text), "%s%sverify_asan_link_order=0", given ? given : "", given ? ":" : "");
	setenv("ASAN_OPTIONS", text, 1);
	setenv("XENSTUB_DIR", peer->dir, 1);
	snprintf(text, sizeof(text), "%s/run/xenstored", peer->dir);
	setenv("XENSTORED_RUNDIR", text, 1);
	setenv("XENSTORED_ROOTDIR", text, 1);
	unsetenv("XENSTORED_PATH");
	unsetenv("XENBUS_DOMAIN_FD");
	setenv("LD_PRELOAD", stub, 1);
}

static void become_server(const struct peer *peer, const char *program, const char *stub,
			  const char *const *options)
{
	const char *argv[ARGUMENTS + 1] = { program };
	size_t argc = 1;
	int fd;

	for (size_t i = 0; i < 4 && kinds[peer->kind].first[i]; i++)
		argv[argc++] = kinds[peer->kind].first[i];
	for (; options && *options && argc < ARGUMENTS; options++)
		argv[argc++] = *options;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (chdir(peer->dir))
		_exit(127);
	fd = open("output", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	set_environment(peer, stub);
	execv(program, (char *const *)argv);
	_exit(127);
}

static int start(struct peer *peer, const char *const *options)
{
	char program[PATH_SIZE], stub[PATH_SIZE];
	int err = find_program(peer->kind, program);

	if (!err)
		err = find_built(STUB, stub);
	if (err)
		return err;
	peer->pid = fork();
	if (peer->pid == 0)
		become_server(peer, program, stub, options);
	return peer->pid < 0 ? -errno : 0;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

bool peer_has_ended(struct peer *peer)
{
	if (!peer->ended && waitpid(peer->pid, &peer->status, WNOHANG) == peer->pid)
		peer->ended = true;
	return peer->ended;
}

/* Its socket says nothing of when it is there. */
static int await_answer(struct peer *peer)
{
	int64_t until = peer_now() + PEER_PATIENCE_MS;
	struct peer_message reply;
	struct peer_conn *conn;
	int err;

	while ((err = peer_connect(peer, &conn))) {
		if (peer_has_ended(peer))
			return -ECHILD;
		if (peer_now() > until)
			return -ETIME;
		nap();
	}
	err = peer_ask(conn, XS_GET_DOMAIN_PATH, 0, "0", 2, &reply);
	peer_conn_close(conn);
	return err;
}

size_t peer_output(const struct peer *peer, char *text, size_t size)
{
	char path[64];
	ssize_t len = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/output", peer->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, text, size - 1);
		close(fd);
	}
	text[len > 0 ? len : 0] = '\0';
	return strlen(text);
}

long peer_rss(const struct peer *peer)
{
	char path[64], line[128];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)peer->pid);
	file = fopen(path, "re");
	while (file && kib < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "VmRSS: %ld", &kib);
	if (file)
		fclose(file);
	return kib;
}

static void end_now(struct peer *peer)
{
	if (peer_has_ended(peer))
		return;
	kill(peer->pid, SIGKILL);
	waitpid(peer->pid, &peer->status, 0);
	peer->ended = true;
}

static void release(struct peer *peer)
{
	if (peer->pid > 0)
		end_now(peer);
	while (!list_empty(&peer->conns))
		peer_conn_close(list_first(&peer->conns, struct peer_conn, in));
	if (peer->machine)
		machine_unmap(peer->machine);
	if (peer->file >= 0)
		close(peer->file);
	if (peer->fifo >= 0)
		close(peer->fifo);
	if (peer->dir[0])
		nftw(peer->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(peer);
}

static void complain(const struct peer *peer, const char *what)
{
	char text[8192];

	peer_output(peer, text, sizeof(text));
	fprintf(stderr, "%s (%d): %s; it printed:\n%s\n", peer_name(peer->kind), (int)peer->pid, what, text);
}

int peer_start(enum peer_kind kind, const char *const *options, struct peer **out)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int err;

	if (!peer)
		return -ENOMEM;
	*peer = (struct peer){ .kind = kind, .file = -1, .fifo = -1 };
	list_init(&peer->conns);
	err = make_dir(peer);
	if (!err)
		err = start(peer, options);
	if (!err) {
		err = await_answer(peer);
		if (err)
			complain(peer, "does not serve");
	}
	if (err) {
		release(peer);
		return err;
	}
	*out = peer;
	return 0;
}

/* What it did in the end that it should not have; NULL: nothing. */
static const char *judge(const struct peer *peer)
{
	char left[64];

	if (peer->kind != PEER_OURS) /* we killed it */
		return NULL;
	if (WIFSIGNALED(peer->status))
		return "was killed by a signal";
	if (WEXITSTATUS(peer->status))
		return "failed in the end";
	snprintf(left, sizeof(left), "%s/run/xenstored", peer->dir);
	return rmdir(left) ? "left something behind in its folder" : NULL;
}

int peer_stop(struct peer *peer)
{
	int64_t until = peer_now() + PEER_PATIENCE_MS;
	const char *wrong = NULL;

	if (peer_has_ended(peer))
		wrong = "had ended before";
	else /* oxenstored may not end at SIGTERM before its next message */
		kill(peer->pid, peer->kind == PEER_OURS ? SIGTERM : SIGKILL);
	while (!wrong && !peer_has_ended(peer)) {
		if (peer_now() > until)
			wrong = "does not end at SIGTERM";
		nap();
	}
	if (!wrong)
		wrong = judge(peer);
	if (wrong)
		complain(peer, wrong);
	release(peer);
	return wrong != NULL;
}
