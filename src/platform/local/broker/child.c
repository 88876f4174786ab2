/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../protocol.h"
#include "child.h"
#include "spawn_text.h"

#define HIGH_FD 10 /* above all that the child gets */

static void die(int report)
{
	int err = errno;

	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

/* 0, 1, 2 and LOCAL_CHILD_FD, and nothing else past exec. */
static int arrange_fds(const int *stdio, int domain_descriptor, int *report)
{
	int from[4] = { stdio[0], stdio[1], stdio[2], domain_descriptor };

	*report = fcntl(*report, F_DUPFD_CLOEXEC, HIGH_FD);
	for (int i = 0; i < 4; i++) {
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (from[i] < 0)
			return -1;
	}
	for (int i = 0; i < 4; i++)
		if (dup2(from[i], i) < 0) /* 3 is LOCAL_CHILD_FD */
			return -1;
	return close_range(LOCAL_CHILD_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_child(const struct spawn_text *text, const int *stdio, int domain_descriptor, int report,
		      const struct rlimit *nofile, pid_t parent)
{
	reset_signals();
	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(127);
	if (arrange_fds(stdio, domain_descriptor, &report) || setrlimit(RLIMIT_NOFILE, nofile) ||
	    chdir(text->cwd))
		die(report);
	environ = text->envp;
	execvp(text->argv[0], text->argv);
	die(report);
}

int child_start(struct child *child, const struct spawn_text *text, const int *stdio, int domain_descriptor,
		const struct rlimit *nofile)
{
	pid_t parent = getpid();
	int report[2];

	_Static_assert(LOCAL_CHILD_FD == 3, "arrange_fds() puts it there");
	if (pipe2(report, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	child->pid = fork();
	if (!child->pid)
		run_child(text, stdio, domain_descriptor, report[1], nofile, parent);
	close(report[1]);
	if (child->pid < 0) {
		int err = -errno;

		close(report[0]);
		return err;
	}
	child->report = report[0];
	return 0;
}

void child_kill_session(pid_t leader)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	kill(-leader, SIGKILL);
	kill(leader, SIGKILL); /* it may not have come to setsid() yet */
	if (!proc)
		return;
	/* What changed its process group, as a shell's jobs do, is still in the session. */
	while ((entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && pid != leader && getsid(pid) == leader)
			kill(pid, SIGKILL);
	}
	closedir(proc);
}
