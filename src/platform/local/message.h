/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_MESSAGE_H
#define PLATFORM_LOCAL_MESSAGE_H
/* One message over a SOCK_SEQPACKET socket, descriptors with it. Neither call raises SIGPIPE. */
#include <stddef.h>

#include "protocol.h"

struct message_fds {
	int n;
	int fd[LOCAL_MAX_FDS];
};

/* Sends @len bytes; @fds (NULL: none) stay the caller's. @flags: 0 or MSG_DONTWAIT.
 * 0; -EAGAIN; -EPIPE, -ECONNRESET the other end is gone; other -errno. */
int message_send(int sock, const void *data, size_t len, const struct message_fds *fds, int flags);

/* Takes one message of at most @len bytes; its descriptors, close-on-exec, become the caller's.
 * Returns its length; 0 the other end is gone; -EAGAIN; -EMSGSIZE it was longer than @len; -EMFILE this
 * process had no room for its descriptors (then none is held); other -errno. */
int message_recv(int sock, void *data, size_t len, struct message_fds *fds, int flags);

void message_close_fds(struct message_fds *fds);

#endif
