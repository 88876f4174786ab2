/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
	"A world that is up already stays as it is, and its lines are printed. If its store died alone, a new one is started\n"
	"and learns of the domains that live: their programs find it by themselves.\n";

#define NOTIFY_SOCKET "notify.sock"
#define STORE_START_MS 60000
#define DOMAINS_AT_ONCE 64

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
	char number[16], path[WORLD_PATH_MAX], pid_file[WORLD_PATH_MAX];

	world_setenv(dir);
	world_path(dir, NOTIFY_SOCKET, path);
	setenv("NOTIFY_SOCKET", path, 1);
	snprintf(number, sizeof(number), "%d", domain_fd);
	setenv(XEN_LOCAL_DOMAIN_FD_ENV, number, 1);
	fcntl(domain_fd, F_SETFD, 0);
	world_path(dir, "xenstored.pid", pid_file);
	world_path(dir, "xenstored.log", path);
	process_detach(path);
	execl(program, program, "-N", "--pid-file", pid_file, (char *)NULL);
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

/* Waits until xenstored says on @notify that it serves, as a service does to its manager. */
static int await_store(const struct world_dir *dir, pid_t pid, int notify)
{
	struct pollfd fds[2] = { { .fd = notify, .events = POLLIN },
				 { .fd = process_open(pid), .events = POLLIN } };
	int ready = poll(fds, 2, STORE_START_MS);
	char text[64] = "";

	close(fds[1].fd);
	if (fds[0].revents & POLLIN && recv(notify, text, sizeof(text) - 1, 0) > 0 &&
	    !strncmp(text, "READY=1", strlen("READY=1")))
		return 0;
	return cli_fail("xenstored %s; see what it says in %s/xenstored.log",
			ready ? "ended at once" : "does not say that it serves", dir->path);
}

/* A socket that hears one program, removed once it has. */
static int notify_socket(const struct world_dir *dir)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char path[WORLD_PATH_MAX];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	world_path(dir, NOTIFY_SOCKET, path);
	strcpy(address.sun_path, path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		cli_fail("%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* Starts @program and waits until it serves. Its pid, or -1 after saying why not. */
static pid_t spawn_store(const struct world_dir *dir, const char *program, int domain_fd)
{
	char path[WORLD_PATH_MAX];
	int notify = notify_socket(dir), err = 0;
	pid_t pid;

	if (notify < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		store_main(dir, program, domain_fd);
	if (pid < 0)
		cli_fail("fork: %s", strerror(errno));
	else
		err = await_store(dir, pid, notify);
	close(notify);
	world_path(dir, NOTIFY_SOCKET, path);
	unlink(path);
	if (!err)
		return pid;
	kill(pid, SIGKILL); /* a child of ours, not waited for yet: the number is its own */
	return -1;
}

static int write_dom0(const struct world_dir *dir)
{
	struct world_store store;
	int err = world_store_open(dir->path, &store);

	if (err)
		return err;
	err = domain_write_dom0(store.xs);
	world_store_close(&store);
	return err ? cli_fail("domain 0's nodes: %s", strerror(-err)) : 0;
}

static int start_store(const struct world_dir *dir, struct xen_local *local)
{
	char program[PATH_MAX];
	pid_t pid;
	int fd;

	if (process_find("xenstored", program, sizeof(program)))
		return CLI_FAILURE;
	fd = xen_local_domain_fd(local, 0);
	if (fd < 0)
		return cli_fail("domain 0: %s", strerror(-fd));
	pid = spawn_store(dir, program, fd);
	close(fd);
	return pid < 0 ? CLI_FAILURE : write_dom0(dir);
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

static int introduce_again(struct xen_local *local, struct xenstore *xs, uint32_t domid)
{
	struct xen_local_store ring;
	struct domain domain;
	int err = xen_local_domain_store(local, domid, &ring);

	if (!err)
		err = domain_init(&domain, domid, &ring, NULL);
	return err ? err : domain_introduce(xs, &domain);
}

/* A store that died left domains behind: the new one learns of them, and their sessions find it. */
static int introduce_all(const struct world_dir *dir, struct xen_local *local)
{
	struct xen_local_domain domains[DOMAINS_AT_ONCE];
	struct world_store store;
	uint32_t from = 1;
	int count, err = world_store_open(dir->path, &store);

	if (err)
		return err;
	while (!err && (count = xen_local_domains(local, from, domains, DOMAINS_AT_ONCE)) > 0) {
		for (int i = 0; i < count && !err; i++)
			err = introduce_again(local, store.xs, domains[i].domid);
		from = domains[count - 1].domid + 1;
	}
	world_store_close(&store);
	return err ? cli_fail("the domains in the new store: %s", strerror(-err)) : 0;
}

/* The broker lives; so does the store, unless it died alone. */
static int mend_world(const struct world_dir *dir)
{
	char path[WORLD_PATH_MAX];
	struct xen_local *local;
	int store, err;

	world_path(dir, "xenstored.sock", path);
	store = process_behind_socket(path);
	if (store >= 0) {
		close(store);
		fprintf(stderr, "xenbus: a world is up in %s already\n", dir->path);
		return 0;
	}
	fprintf(stderr, "xenbus: the world in %s had lost its store: starting one\n", dir->path);
	err = world_connect(dir, &local);
	if (err)
		return err;
	err = start_store(dir, local);
	if (!err)
		err = introduce_all(dir, local);
	xen_local_disconnect(local);
	return err;
}

static int start_world(const struct world_dir *dir, int lock)
{
	struct xen_local *local;
	int err = start_broker(dir, lock);

	if (err == -EBUSY)
		return mend_world(dir);
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
	/* Every later command would go there instead, without a word. */
	if (world_is_machine(run_dir))
		return cli_fail(
			"this machine runs Xen, and has a store and domains of its own; a local world beside "
			"them needs a directory: xenbus up --run-dir DIR");
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
