/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenbus/local.h>
#include <xenbus/xenbus.h>

#include "cli.h"
#include "domain.h"
#include "launch.h"
#include "process.h"
#include "world.h"

static const char details[] =
	"The domain is made, written into the store as libxl does, and introduced; PROGRAM is its first process and finds\n"
	"it by XENBUS_DOMAIN_FD. When PROGRAM ends, the domain ends: its devices are detached and its nodes removed.\n"
	"Signals are passed on. Exit status: PROGRAM's, 128 + N where signal N ended it, 126 or 127 where it could not\n"
	"be run.\n"
	"\n"
	"Without --domid the domain gets the next free number. With --domid 0 no domain is made: PROGRAM runs in domain 0, of\n"
	"the machine itself where that runs Xen and no local world is named. When it has ended and left devices that are not\n"
	"Closed, they are closed for it, and an error node says how it ended: a PROGRAM that is started again takes them.\n";

struct run {
	const char *run_dir, *launch; /* as given */
	struct world_dir dir;
	struct xen_local *local;
	struct domain domain;
	char **argv;
	int signals; /* signalfd */
	int pidfd;   /* of PROGRAM */
};

static int not_run(const char *program, int err)
{
	cli_fail("%s: %s", program, strerror(-err));
	return err == -ENOENT ? 127 : 126;
}

/* A guest reaches the store by its ring: the socket would make it as mighty as domain 0. */
static void guest_environment(const struct world_dir *dir)
{
	world_setenv(dir);
	unsetenv("XENSTORED_PATH");
	unsetenv("XENSTORED_RUNDIR");
	unsetenv(XENBUS_LAUNCH_ENV); /* of who runs us */
}

static int create_domain(struct run *run, uint32_t domid, const char *name)
{
	struct xen_local_store ring;
	int got = xen_local_domain_create(run->local, domid, &ring), err;

	if (got == -EEXIST)
		return cli_fail("domain %u is there already", domid);
	if (got < 0)
		return cli_fail("domain %u: %s", domid, strerror(-got));
	err = domain_init(&run->domain, (uint32_t)got, &ring, name);
	if (!err)
		return 0;
	xen_local_domain_destroy(run->local, (uint32_t)got);
	return cli_fail("domain %d: %s", got, strerror(-err));
}

static int introduce_domain(struct run *run)
{
	struct world_store store;
	int err = world_store_open(run->dir.path, &store);

	if (err)
		return err;
	err = domain_introduce(store.xs, &run->domain);
	world_store_close(&store);
	return err ? cli_fail("domain %u in the store: %s", run->domain.domid, strerror(-err)) : 0;
}

/* What cannot be removed is said, and is no failure of PROGRAM's. */
static void forget_domain(struct run *run)
{
	domain_clear(&run->dir, run->local, run->domain.domid);
}

/* From now on signals are read, not taken. */
static int catch_signals(struct run *run)
{
	static const int passed_on[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM
	};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return run->signals < 0 ? cli_fail("signals: %s", strerror(errno)) : 0;
}

static int spawn(struct run *run)
{
	struct xen_local_spawn spawn = { .argv = (const char *const *)run->argv, .stdio = { -1, -1, -1 } };
	int pid;

	guest_environment(&run->dir);
	pid = xen_local_domain_spawn(run->local, run->domain.domid, &spawn);
	if (pid < 0)
		return not_run(run->argv[0], pid);
	/* It may be gone by now: then its exit is told all the same. */
	run->pidfd = process_open(pid);
	return 0;
}

static void pass_signals_on(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof(info)) == sizeof(info))
		if (run->pidfd >= 0)
			syscall(SYS_pidfd_send_signal, run->pidfd, info.ssi_signo, NULL, 0);
}

/* PROGRAM's exit status. */
static int wait_for_exit(struct run *run)
{
	struct pollfd fds[2] = { { .fd = xen_local_fd(run->local), .events = POLLIN },
				 { .fd = run->signals, .events = POLLIN } };
	struct xen_local_exit ended;
	int err;

	for (;;) {
		err = xen_local_exit(run->local, &ended);
		if (!err && ended.domid == run->domain.domid)
			break;
		if (err && err != -EAGAIN)
			return cli_fail("the world ended: %s", strerror(-err));
		if (err)
			poll(fds, 2, -1);
		pass_signals_on(run);
	}
	return WIFSIGNALED(ended.status) ? 128 + WTERMSIG(ended.status) : WEXITSTATUS(ended.status);
}

static int run_domu(struct run *run, uint32_t domid, const char *name)
{
	int status = catch_signals(run);

	if (!status)
		status = create_domain(run, domid, name);
	if (status)
		return status;
	status = introduce_domain(run);
	if (status) {
		xen_local_domain_destroy(run->local, run->domain.domid);
		return status;
	}
	status = spawn(run);
	if (status)
		xen_local_domain_destroy(run->local, run->domain.domid);
	else
		status = wait_for_exit(run);
	forget_domain(run);
	return status;
}

static int run_dom0(struct run *run)
{
	const bool machine = world_is_machine(run->run_dir);
	const struct launch launch = { .run_dir = run->run_dir,
				       .dir = machine ? NULL : &run->dir,
				       .local = run->local,
				       .token = run->launch,
				       .argv = run->argv };

	return launch_run(&launch);
}

/* The numbers a domain is asked for by: 0 and the missing one mean different things to create(). */
static int run_in(struct run *run, bool domid_given, uint32_t domid, const char *name)
{
	const bool dom0 = domid_given && domid == 0;
	int status = dom0 && world_is_machine(run->run_dir) ? 0 : world_dir(run->run_dir, &run->dir);

	if (!status && *run->dir.path)
		status = world_connect(&run->dir, &run->local);
	if (status)
		return status;
	status = dom0 ? run_dom0(run) : run_domu(run, domid_given ? domid : 0, name);
	xen_local_disconnect(run->local);
	return status;
}

int cmd_run(const struct cli_command *command, int argc, char **argv)
{
	struct run run = { .signals = -1, .pidfd = -1 };
	uint32_t domid = UINT32_MAX;
	const char *name = NULL;
	const struct cli_option options[] = {
		CLI_RUN_DIR(&run.run_dir),
		{ .name = "domid",
		  .value = "DOMID",
		  .kind = CLI_DOMID,
		  .out = &domid,
		  .help = "the domain's number" },
		{ .name = "name",
		  .value = "NAME",
		  .kind = CLI_STRING,
		  .out = &name,
		  .help = "what the store calls it [Domain-DOMID]" },
		{ .name = "launch",
		  .value = "TOKEN",
		  .kind = CLI_STRING,
		  .out = &run.launch,
		  .help = "with --domid 0: 16 to 32 hexadecimal digits for `xenbus release` [random]" },
		{ 0 },
	};
	struct cli_operands operands;
	int err = cli_parse(command, options, details, argc, argv, 1, INT_MAX, &operands);

	if (err >= 0)
		return err;
	if (name && strlen(name) >= DOMAIN_NAME_MAX)
		return cli_usage_error(command, options, "--name: at most %u bytes", DOMAIN_NAME_MAX - 1);
	if (run.launch && (domid || !xenbus_launch_valid(run.launch)))
		return cli_usage_error(command, options, "--launch: %s",
				       domid ? "with --domid 0 only" : LAUNCH_SYNTAX);
	run.argv = operands.argv;
	return run_in(&run, domid != UINT32_MAX, domid, name);
}
