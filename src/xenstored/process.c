/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

void process_init(struct process *process)
{
	*process = (struct process){ .ready_pipe = -1, .pid_fd = -1 };
}

static void wait_for_child(int fd)
{
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	_exit(n == 1 ? 0 : 1);
}

int process_fork(struct process *process)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(fds[1]);
		wait_for_child(fds[0]);
	}
	close(fds[0]);
	process->ready_pipe = fds[1];
	return setsid() < 0 ? -errno : 0;
}

static int write_pid(int fd)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)len, 0) != len)
		return errno ? -errno : -EIO;
	return 0;
}

int process_pid_file(struct process *process, const char *path, const struct log *log)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644), err = 0;

	if (fd < 0)
		err = -errno;
	else if (lockf(fd, F_TLOCK, 0))
		err = errno == EACCES ? -EAGAIN : -errno;
	else
		err = write_pid(fd);
	if (!err) {
		process->pid_fd = fd;
		process->pid_file = path;
		return 0;
	}
	if (err == -EAGAIN)
		log_line(log, LOG_ERR, "pid file %s: another server holds it", path);
	else
		log_line(log, LOG_ERR, "pid file %s: %s", path, strerror(-err));
	if (fd >= 0)
		close(fd);
	return err;
}

/* The protocol of sd_notify(3): one datagram. A service manager that does not listen is no error. */
static void tell_manager(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(to.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (*path == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

static void leave_terminal(bool anywhere)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (anywhere && chdir("/")) {
		/* Then some mount stays busy; nothing depends on it. */
	}
	if (null < 0)
		return;
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

void process_ready(struct process *process, bool anywhere)
{
	char text[64];

	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", (int)getpid());
	tell_manager(text);
	if (process->ready_pipe < 0)
		return;
	leave_terminal(anywhere);
	if (write(process->ready_pipe, "", 1) != 1) {
		/* The parent was killed while it waited: we serve all the same. */
	}
	close(process->ready_pipe);
	process->ready_pipe = -1;
}

void process_end(struct process *process)
{
	tell_manager("STOPPING=1");
	if (process->pid_fd >= 0) {
		unlink(process->pid_file);
		close(process->pid_fd);
	}
	if (process->ready_pipe >= 0)
		close(process->ready_pipe);
}
