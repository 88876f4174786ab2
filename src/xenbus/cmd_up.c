/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <base/logfile.h>
#include <xenbus/client.h>
#include <xenbus/local.h>

#include "cli.h"
#include "domain.h"
#include "process.h"
#include "world.h"

static const char details[] =
	"Two processes stay: the broker, which plays the hypervisor, and xenstored. When both answer, lines for a shell are\n"
	"printed, so that Xen's own clients find the store:\n"
	"\n"
	"    eval \"$(xenbus up)\"\n"
	"    xenstore-ls\n"
	"\n"
	"A world that is up already stays as it is, and its lines are printed.\n";

#define STORE_START_MS 10000
#define STORE_POLL_MS 5

static void broker_main(const struct world_dir *dir, struct xen_local_broker *broker)
{
	char log[WORLD_PATH_MAX];
	int err;

	world_path(dir, "broker.log", log);
	process_detach(log);
	err = xen_local_broker_run(broker);
	if (err)
		fprintf(stderr, "broker: %s\n", strerror(-err));
	xen_local_broker_free(broker);
	_exit(err ? CLI_FAILURE : 0);
}

/* 0, -EBUSY a broker lives there, or CLI_FAILURE. */
static int start_broker(const struct world_dir *dir, int lock)
{
	struct xen_local_broker *broker;
	int err = xen_local_broker_new(dir->path, &broker);
	pid_t pid;

	if (err)
		return err == -EBUSY ? err : cli_fail("%s: %s", dir->path, strerror(-err));
	pid = fork();
	if (pid == 0) {
		close(lock);
		broker_main(dir, broker);
	}
	xen_local_broker_free(broker);
	return pid < 0 ? cli_fail("fork: %s", strerror(errno)) : 0;
}

static void store_main(const struct world_dir *dir, const char *program, int domain_fd)
{
	char number[16], log[WORLD_PATH_MAX], pid_file[WORLD_PATH_MAX];

	world_path(dir, "xenstored.log", log);
	world_path(dir, "xenstored.pid", pid_file);
	world_setenv(dir);
	snprintf(number, sizeof(number), "%d", domain_fd);
	setenv(XEN_LOCAL_DOMAIN_FD_ENV, number, 1);
	fcntl(domain_fd, F_SETFD, 0);
	process_detach(log);
	execl(program, program, "-N", "--pid-file", pid_file, (char *)NULL);
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

/* Waits until the store answers, and opens it. */
static int await_store(const struct world_dir *dir, pid_t pid, struct world_store *store)
{
	const struct timespec pause = { .tv_nsec = STORE_POLL_MS * 1000000 };
	char path[WORLD_PATH_MAX];
	int pidfd, status;

	world_path(dir, "xenstored.sock", path);
	for (int waited = 0; waited < STORE_START_MS; waited += STORE_POLL_MS) {
		pidfd = process_behind_socket(path);
		if (pidfd >= 0) {
			close(pidfd);
			return world_store_open(dir->path, store);
		}
		if (waitpid(pid, &status, WNOHANG) == pid)
			return cli_fail("xenstored ended at once; see %s/xenstored.log", dir->path);
		nanosleep(&pause, NULL);
	}
	return cli_fail("xenstored does not answer; see %s/xenstored.log", dir->path);
}

static int start_store(const struct world_dir *dir, struct xen_local *local)
{
	char program[PATH_MAX];
	struct world_store store;
	int fd, err;
	pid_t pid;

	if (process_find("xenstored", program, sizeof(program)))
		return CLI_FAILURE;
	fd = xen_local_domain_fd(local, 0);
	if (fd < 0)
		return cli_fail("domain 0: %s", strerror(-fd));
	pid = fork();
	if (pid == 0)
		store_main(dir, program, fd);
	close(fd);
	if (pid < 0)
		return cli_fail("fork: %s", strerror(errno));
	err = await_store(dir, pid, &store);
	if (err)
		return err;
	err = domain_write_dom0(store.xs);
	world_store_close(&store);
	return err ? cli_fail("domain 0's nodes: %s", strerror(-err)) : 0;
}

static int start_log(const struct world_dir *dir)
{
	char path[WORLD_PATH_MAX];
	struct logfile *log;
	int err;

	world_path(dir, "dmesg", path);
	err = logfile_open(path, 0, &log);
	if (err)
		return cli_fail("%s: %s", path, strerror(-err));
	logfile_close(log);
	return 0;
}

/* A shell's quoted word. */
static void print_export(const char *name, const char *value)
{
	printf("export %s='", name);
	for (; *value; value++) {
		if (*value == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*value);
	}
	puts("'");
}

static int print_environment(const struct world_dir *dir)
{
	char path[WORLD_PATH_MAX];

	world_path(dir, "xenstored.sock", path);
	print_export("XENSTORED_PATH", path);
	print_export(WORLD_DIR_ENV, dir->path);
	return fflush(stdout) ? cli_fail("standard output: %s", strerror(errno)) : 0;
}

static int start_world(const struct world_dir *dir, int lock)
{
	struct xen_local *local;
	int err = start_broker(dir, lock);

	if (err == -EBUSY) {
		fprintf(stderr, "xenbus: a world is up in %s already\n", dir->path);
		return 0;
	}
	if (err || world_connect(dir, &local))
		return CLI_FAILURE;
	err = start_log(dir);
	if (!err)
		err = start_store(dir, local);
	if (err)
		xen_local_down(local);
	xen_local_disconnect(local);
	return err;
}

int cmd_up(const struct cli_command *command, int argc, char **argv)
{
	const char *run_dir = NULL;
	const struct cli_option options[] = { CLI_RUN_DIR(&run_dir), { 0 } };
	struct cli_operands operands;
	struct world_dir dir;
	int lock, err = cli_parse(command, options, details, argc, argv, 0, 0, &operands);

	if (err >= 0)
		return err;
	/* What stays must hold nothing of the caller's: a pipe held open would keep its reader waiting. */
	close_range(STDERR_FILENO + 1, ~0u, 0);
	if (world_dir(run_dir, &dir))
		return CLI_FAILURE;
	lock = world_lock(&dir, WORLD_MAKE);
	if (lock < 0)
		return CLI_FAILURE;
	err = start_world(&dir, lock);
	close(lock);
	return err ? err : print_environment(&dir);
}
