/* SPDX-License-Identifier: MIT */
/* Reading along: with the store, and with the kernel's log. */
#include "golden.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct golden_tap {
	FILE *lines;
	unsigned int marks;
};

#define MARK "/local/domain/0/golden" /* written by us: what is behind it in the trace is of later */

/* It takes a while until it listens: nothing counts before it has told of something. */
static void await_listening(struct golden_tap *tap, struct golden_store *store)
{
	struct pollfd fd = { .fd = fileno(tap->lines), .events = POLLIN };

	for (int tries = 0; tries < GOLDEN_PATIENCE * 10; tries++) {
		golden_write(store, MARK, "mark", "listening?");
		if (poll(&fd, 1, 100) > 0)
			return;
	}
	golden_die("xenbus store trace tells nothing");
}

struct golden_tap *golden_tap_open(struct golden_store *store)
{
	struct golden_tap *tap = calloc(1, sizeof(*tap));

	if (!tap)
		golden_die("no memory");
	tap->lines = popen("exec xenbus store trace 2>/dev/null", "re");
	if (!tap->lines)
		golden_die("xenbus store trace does not start: %s", strerror(errno));
	await_listening(tap, store);
	return tap;
}

void golden_tap_close(struct golden_tap *tap)
{
	if (tap)
		fclose(tap->lines);
	free(tap);
}

/* "... IN  d0 WRITE 3/1 (backend/vbd/1/51712/state|5)": 5 where it is @writer's of a state at *@node. */
static unsigned int written(const char *line, const char *writer, const char *node)
{
	char wanted[GOLDEN_PATH];
	const char *at = strstr(line, " IN  ");

	snprintf(wanted, sizeof(wanted), " IN  %s WRITE ", writer);
	if (!at || strncmp(at, wanted, strlen(wanted)) != 0)
		return 0;
	snprintf(wanted, sizeof(wanted), "%s/state|", node);
	at = strstr(at, wanted);
	return at ? (unsigned int)strtoul(at + strlen(wanted), NULL, 10) : 0;
}

unsigned int golden_tap_states(struct golden_tap *tap, struct golden_store *store, const char *writer,
			       const char *node, unsigned int states[GOLDEN_WRITES])
{
	unsigned int count = 0, state;
	char *line = NULL, mark[GOLDEN_PATH];
	size_t size = 0;

	golden_write(store, MARK, "mark", "%u", ++tap->marks);
	snprintf(mark, sizeof(mark), "(" MARK "/mark|%u)", tap->marks);
	for (;;) {
		if (getline(&line, &size, tap->lines) < 0)
			golden_die("the store's trace has ended");
		if (strstr(line, mark))
			break;
		state = written(line, writer, node);
		if (state && count < GOLDEN_WRITES && (!count || states[count - 1] != state))
			states[count++] = state;
	}
	free(line);
	return count;
}

unsigned int golden_kernel_warnings(void)
{
	static int fd = -1; /* this program's only one: where the last call stopped reading */
	unsigned int count = 0;
	char record[8192];
	ssize_t n;

	if (fd < 0) {
		fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
			golden_die("/dev/kmsg: %s", strerror(errno));
	}
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		record[n < 0 ? 0 : n] = '\0';
		count += strstr(record, ";WARNING: ") != NULL;
	}
	return count;
}
