/* SPDX-License-Identifier: MIT */
/* Processes to be killed. After fork() alone they would share what of Xen their parent has, so they are started anew. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xenbus/xen.h>

#include "partner.h"

#define ARG_MAX_BYTES 256u

ptrdiff_t process_offset(int (*body)(struct xen_platform *platform, void *arg))
{
	return (ptrdiff_t)((intptr_t)body - (intptr_t)process_main);
}

static void become(ptrdiff_t offset, const uint8_t *arg, size_t size, int out)
{
	char number[24], hex[2 * ARG_MAX_BYTES + 1] = "";

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(number, sizeof(number), "%td", offset);
	for (size_t i = 0; i < size && i < ARG_MAX_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", arg[i]);
	dup2(out, STDOUT_FILENO);
	execl("/proc/self/exe", "contract", "--process", number, hex, NULL);
	_exit(127);
}

pid_t process_start(ptrdiff_t offset, const void *arg, size_t size, int *result)
{
	int p[2];
	pid_t pid;

	*result = -EIO;
	if (pipe2(p, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		become(offset, arg, size, p[1]);
	close(p[1]);
	if (pid > 0 && read(p[0], result, sizeof(*result)) != sizeof(*result))
		*result = -EIO;
	close(p[0]);
	return pid;
}

/* Its files are closed before its parent hears of its end. */
void process_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int process_main(const char *offset, const char *hex)
{
	int (*body)(struct xen_platform * platform, void *arg);
	uint64_t arg[ARG_MAX_BYTES / 8] = { 0 }; /* aligned for any */
	struct xen_platform *platform;
	const char *why;
	int result;

	body = (int (*)(struct xen_platform *, void *))((intptr_t)process_main +
							(intptr_t)strtoll(offset, NULL, 10));
	for (size_t i = 0; i < ARG_MAX_BYTES && hex[2 * i]; i++) {
		const char byte[] = { hex[2 * i], hex[2 * i + 1], '\0' };

		((uint8_t *)arg)[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	result = xen_xen_open(&platform, &why);
	if (!result)
		result = body(platform, arg);
	if (write(STDOUT_FILENO, &result, sizeof(result)) != sizeof(result))
		return 1;
	for (;;)
		pause();
}
