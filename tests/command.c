/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "command.h"

void command_path(const char *name, char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(len > 0);
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(path, size, "%s/../%s", self, name);
}

/* A shell's job in the background is born with these ignored, and a program that is cannot be made to heed them. */
static void heed_signals(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

static void become(const char *const *argv)
{
	char path[PATH_MAX];

	heed_signals();
	if (!strcmp(argv[0], "xenbus")) {
		command_path(argv[0], path, sizeof(path));
		execv(path, (char *const *)(uintptr_t)argv);
	}
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Both pipes to their ends: a program that stays holds neither. */
static void collect(struct command *command, int out, int err)
{
	struct pollfd fds[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
	char *text[2] = { command->out, command->err };
	size_t used[2] = { 0 };

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		assert_true(poll(fds, 2, -1) > 0);
		for (int i = 0; i < 2; i++) {
			ssize_t got;

			if (!fds[i].revents)
				continue;
			got = read(fds[i].fd, text[i] + used[i], sizeof(command->out) - 1 - used[i]);
			if (got <= 0)
				fds[i].fd = -1;
			else
				used[i] += (size_t)got;
		}
	}
	text[0][used[0]] = text[1][used[1]] = '\0';
}

void command_run(struct command *command, const char *const *argv)
{
	int out[2], err[2];
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		become(argv);
	}
	close(out[1]);
	close(err[1]);
	collect(command, out[0], err[0]);
	close(out[0]);
	close(err[0]);
	command->status = command_wait(pid);
}

pid_t command_start(const char *const *argv)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		become(argv);
	return pid;
}

int command_wait(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

pid_t command_child(pid_t pid)
{
	char path[64];
	FILE *children;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	children = fopen(path, "re");
	assert_non_null(children);
	assert_int_equal(fscanf(children, "%d", &child), 1);
	fclose(children);
	return child;
}

void command_adopt_orphans(void)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

pid_t command_orphan(const char *name)
{
	char link[64], exe[PATH_MAX];
	FILE *children;
	int pid, found = 0;

	snprintf(link, sizeof(link), "/proc/self/task/%d/children", (int)getpid());
	children = fopen(link, "r");
	assert_non_null(children);
	while (!found && fscanf(children, "%d", &pid) == 1) {
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/%d/exe", pid);
		len = readlink(link, exe, sizeof(exe) - 1);
		exe[len < 0 ? 0 : len] = '\0';
		if (strrchr(exe, '/') && !strcmp(strrchr(exe, '/') + 1, name))
			found = pid;
	}
	fclose(children);
	assert_true(found > 0);
	return found;
}

void command_wait_for_all(void)
{
	while (wait(NULL) > 0)
		;
	assert_int_equal(errno, ECHILD);
}
