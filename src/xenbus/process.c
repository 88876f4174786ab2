/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli.h"

/* Not in PATH: a xenstored there is Xen's own as a rule, which needs a hypervisor. */
int process_find(const char *name, char *path, size_t size)
{
	char self[PATH_MAX], sbin[PATH_MAX + 16], libexec[PATH_MAX + 24];
	const char *const dirs[] = { self, sbin, libexec, XENBUS_SBINDIR, XENBUS_LIBEXECDIR };
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[len < 0 ? 0 : len] = '\0';
	if (strrchr(self, '/'))
		*strrchr(self, '/') = '\0';
	snprintf(sbin, sizeof(sbin), "%s/../sbin", self);
	snprintf(libexec, sizeof(libexec), "%s/../libexec/xenbus", self);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int n = snprintf(path, size, "%s/%s", dirs[i], name);

		if (n > 0 && (size_t)n < size && !access(path, X_OK))
			return 0;
	}
	return cli_fail("no %s in %s, %s, %s, %s or %s", name, self, sbin, libexec, XENBUS_SBINDIR,
			XENBUS_LIBEXECDIR);
}

void process_detach(const char *log)
{
	int in = open("/dev/null", O_RDWR), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (out < 0)
		out = in;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (in > STDERR_FILENO)
		close(in);
	if (out > STDERR_FILENO && out != in)
		close(out);
	setsid();
	if (chdir("/"))
		return; /* then it holds the directory it was started in; no harm */
}

int process_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int process_behind_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd, err = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		err = -errno;
	close(fd);
	return err ? err : process_open(peer.pid);
}

bool process_gone(int pidfd, int timeout_ms)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	return poll(&fd, 1, timeout_ms) > 0;
}

void process_end(int pidfd, int grace_ms)
{
	syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
	if (!process_gone(pidfd, grace_ms)) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		process_gone(pidfd, -1);
	}
	close(pidfd);
}
