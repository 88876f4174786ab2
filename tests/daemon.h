/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DAEMON_H
#define TESTS_DAEMON_H
/* A xenstored of our own in a folder of its own, and raw messages to it. Failures are cmocka's. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenbus/wire.h>

struct daemon {
	pid_t pid;
	char dir[64];	   /* removed in the end; with what the daemon leaves there the test fails */
	char socket[96];   /* dir/socket */
	char trace[96];	   /* dir/trace */
	char pid_file[96]; /* dir/pid */
	char output[96];   /* dir/output: its stdout and stderr */
	int notify;	   /* it says there when it serves */
	char notify_at[96];
};

/* Starts it with @arguments (NULL-terminated; NULL: none) behind -N --platform=none -T dir/trace -F dir/pid and
 * waits until it says that it serves. */
void daemon_start(struct daemon *daemon, const char *const *arguments);
/* Waits until it ends by itself; returns its exit status. Its files are removed; no socket may be left. */
int daemon_await_end(struct daemon *daemon, char *output, size_t size);
/* SIGTERM: it must exit with 0 and leave no socket and no pid file. */
void daemon_stop(struct daemon *daemon);
/* The path of xenstored. */
const char *daemon_program(void);
/* Resident memory in KiB. */
long daemon_rss(const struct daemon *daemon);

/* Runs @command in a shell, with XENSTORED_PATH set. Returns its exit status; what it printed on stdout
 * and stderr is in @output. */
int daemon_shell(const struct daemon *daemon, const char *command, char *output, size_t size);

int wire_connect(const struct daemon *daemon);
/* Sends @len bytes, all of them; the peer may be gone. */
void wire_bytes(int fd, const void *bytes, size_t len);
/* Builds a message in @out; returns its bytes. */
size_t wire_build(void *out, uint32_t type, uint32_t req_id, const void *payload, size_t len);
void wire_request(int fd, uint32_t type, uint32_t req_id, const void *payload, size_t len);

struct wire_answer {
	struct xsd_sockmsg header;
	char payload[WIRE_PAYLOAD_MAX + 1]; /* and a NUL */
};
/* Receives one message. 1; 0: the connection was closed before its first byte. */
int wire_answer(int fd, struct wire_answer *answer);
/* A request and its reply on a connection without watches; fails unless the reply has the request's id and type. */
void wire_ask(int fd, uint32_t type, const void *payload, size_t len, struct wire_answer *answer);
/* Others still get answers: a new connection and @fd (if >= 0) read "/". */
void wire_alive(const struct daemon *daemon, int fd);

#endif
