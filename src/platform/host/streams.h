/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_HOST_STREAMS_H
#define PLATFORM_HOST_STREAMS_H
/* Streams of this operating system: unix sockets. The contract is that of xenbus_stream_*(); the host is
 * not looked at. */
#include <xenbus/host.h>

int streams_connect(struct xenbus_host *host, const char *path);
ssize_t streams_send(struct xenbus_host *host, int fd, const void *data, size_t len);
ssize_t streams_recv(struct xenbus_host *host, int fd, void *buf, size_t size);
void streams_close(struct xenbus_host *host, int fd);

#endif
