/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

const char *daemon_program(void)
{
	static char path[512];
	const char *given = getenv("XENSTORED");
	ssize_t len;
	char *slash;

	if (given)
		return given;
	len = readlink("/proc/self/exe", path, sizeof(path) - 32);
	assert_true(len > 0);
	path[len] = '\0';
	slash = strrchr(path, '/');
	assert_non_null(slash);
	strcpy(slash, "/../xenstored");
	return path;
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	return address;
}

static void listen_for_readiness(struct daemon *daemon)
{
	struct sockaddr_un address = address_of(daemon->notify_at);

	daemon->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(daemon->notify >= 0);
	assert_int_equal(bind(daemon->notify, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void become_daemon(const struct daemon *daemon, const char *const *arguments)
{
	const char *argv[32] = { daemon_program(), "-N", "--platform=none", "-T",
				 daemon->trace,	   "-F", daemon->pid_file };
	int argc = 7, fd = open(daemon->output, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	for (; arguments && *arguments && argc < 31; arguments++)
		argv[argc++] = *arguments;
	dup2(fd, 1);
	dup2(fd, 2);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	unsetenv("XENSTORED_PATH");
	setenv("XENSTORED_RUNDIR", daemon->dir, 1);
	setenv("NOTIFY_SOCKET", daemon->notify_at, 1);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

static void print_output(const struct daemon *daemon)
{
	char text[4096];
	int fd = open(daemon->output, O_RDONLY);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0)
		print_error("%.*s", (int)n, text);
	if (fd >= 0)
		close(fd);
}

/* It says READY=1, or ends. */
static void await_ready(struct daemon *daemon)
{
	char text[64];
	ssize_t n;

	for (;;) {
		struct pollfd wait = { .fd = daemon->notify, .events = POLLIN };

		if (poll(&wait, 1, 100) > 0)
			break;
		if (waitpid(daemon->pid, NULL, WNOHANG) == daemon->pid) {
			print_output(daemon);
			fail_msg("%s ended instead of serving", daemon_program());
		}
	}
	n = recv(daemon->notify, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_memory_equal(text, "READY=1", 7);
}

void daemon_start(struct daemon *daemon, const char *const *arguments)
{
	strcpy(daemon->dir, "/tmp/xenstored-test-XXXXXX");
	assert_non_null(mkdtemp(daemon->dir));
	snprintf(daemon->socket, sizeof(daemon->socket), "%s/socket", daemon->dir);
	snprintf(daemon->trace, sizeof(daemon->trace), "%s/trace", daemon->dir);
	snprintf(daemon->pid_file, sizeof(daemon->pid_file), "%s/pid", daemon->dir);
	snprintf(daemon->output, sizeof(daemon->output), "%s/output", daemon->dir);
	snprintf(daemon->notify_at, sizeof(daemon->notify_at), "%s/notify", daemon->dir);
	listen_for_readiness(daemon);
	daemon->pid = fork();
	assert_true(daemon->pid >= 0);
	if (daemon->pid == 0)
		become_daemon(daemon, arguments);
	await_ready(daemon);
}

static void clean_up(struct daemon *daemon)
{
	close(daemon->notify);
	assert_int_equal(access(daemon->socket, F_OK), -1);
	assert_int_equal(access(daemon->pid_file, F_OK), -1);
	unlink(daemon->notify_at);
	unlink(daemon->trace);
	unlink(daemon->output);
	assert_int_equal(rmdir(daemon->dir), 0); /* nothing else was left there */
}

void daemon_stop(struct daemon *daemon)
{
	int status;

	assert_int_equal(kill(daemon->pid, SIGTERM), 0);
	assert_int_equal(waitpid(daemon->pid, &status, 0), daemon->pid);
	if (status)
		print_output(daemon);
	assert_int_equal(status, 0);
	clean_up(daemon);
}

int daemon_await_end(struct daemon *daemon, char *output, size_t size)
{
	int status, fd;
	ssize_t n;

	assert_int_equal(waitpid(daemon->pid, &status, 0), daemon->pid);
	fd = open(daemon->output, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, output, size - 1);
	assert_true(n >= 0);
	output[n] = '\0';
	close(fd);
	clean_up(daemon);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

long daemon_rss(const struct daemon *daemon)
{
	char path[64], line[128];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon->pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	}
	fclose(file);
	assert_true(kib > 0);
	return kib;
}

int daemon_shell(const struct daemon *daemon, const char *command, char *output, size_t size)
{
	char line[4096];
	FILE *pipe;
	size_t used;
	int status;

	snprintf(line, sizeof(line), "export XENSTORED_PATH=%s; { %s ; } 2>&1", daemon->socket, command);
	pipe = popen(line, "re");
	assert_non_null(pipe);
	used = fread(output, 1, size - 1, pipe);
	output[used] = '\0';
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* -- raw messages ------------------------------------------------------------------------------- */

int wire_connect(const struct daemon *daemon)
{
	struct sockaddr_un address = address_of(daemon->socket);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void wire_bytes(int fd, const void *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes = (const char *)bytes + n;
		len -= (size_t)n;
	}
}

size_t wire_build(void *out, uint32_t type, uint32_t req_id, const void *payload, size_t len)
{
	wire_header_put(out, type, req_id, 0, (uint32_t)len);
	if (len)
		memcpy((char *)out + WIRE_HEADER_SIZE, payload, len);
	return WIRE_HEADER_SIZE + len;
}

void wire_request(int fd, uint32_t type, uint32_t req_id, const void *payload, size_t len)
{
	char message[WIRE_MESSAGE_MAX];

	wire_bytes(fd, message, wire_build(message, type, req_id, payload, len));
}

static int receive_all(int fd, void *to, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = recv(fd, (char *)to + got, len - got, 0);

		if (n <= 0) {
			assert_int_equal(got, 0); /* no closing in the middle of a message */
			return 0;
		}
		got += (size_t)n;
	}
	return 1;
}

int wire_answer(int fd, struct wire_answer *answer)
{
	char header[WIRE_HEADER_SIZE];

	if (!receive_all(fd, header, sizeof(header)))
		return 0;
	wire_header_get(header, &answer->header);
	assert_true(answer->header.len <= WIRE_PAYLOAD_MAX);
	if (answer->header.len)
		assert_int_equal(receive_all(fd, answer->payload, answer->header.len), 1);
	answer->payload[answer->header.len] = '\0';
	return 1;
}

void wire_ask(int fd, uint32_t type, const void *payload, size_t len, struct wire_answer *answer)
{
	static uint32_t req_id = 1000;

	wire_request(fd, type, ++req_id, payload, len);
	assert_int_equal(wire_answer(fd, answer), 1);
	assert_int_equal(answer->header.req_id, req_id);
	assert_true(answer->header.type == type || answer->header.type == XS_ERROR);
}

void wire_alive(const struct daemon *daemon, int fd)
{
	struct wire_answer answer;
	int fresh = wire_connect(daemon);

	wire_ask(fresh, XS_DIRECTORY, "/", 2, &answer);
	assert_int_equal(answer.header.type, XS_DIRECTORY);
	close(fresh);
	if (fd < 0)
		return;
	wire_ask(fd, XS_DIRECTORY, "/", 2, &answer);
	assert_int_equal(answer.header.type, XS_DIRECTORY);
}
